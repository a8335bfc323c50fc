<?php
$folder = getenv('SABIR_DIR') ?: getenv('XDG_RUNTIME_DIR') . '/sabir';
$peer = stream_socket_client("unix://$folder/lounge.sock") or exit(1);

function call($method, $params, $more = []) // returns the result, or the first item
{
    global $peer, $last;
    $id = ++$last;
    fwrite($peer, json_encode(['id' => $id, 'method' => $method, 'params' => $params] + $more) . "\n");
    while (($line = fgets($peer)) !== false) {
        $m = json_decode($line, true);
        if (($m['method'] ?? '') === 'rpc.item' && $m['params']['id'] === $id) return $m['params']['value'];
        if (isset($m['method']) || ($m['id'] ?? null) !== $id) continue;
        if (!isset($m['error'])) return $m['result'];
        fwrite(STDERR, "{$m['error']['data']['name']}: {$m['error']['message']}\n");
        exit(1);
    }
    exit(1);
}

$name = $argv[1];
echo call('lounge.join', ['room' => 'dev', 'name' => $name])['members'], "\n";
$message = call('lounge.message', ['room' => 'dev'], ['window' => 0, 'since' => ['epoch' => '', 'seq' => 0]]);
echo "{$message['name']}: {$message['text']}\n";
call('lounge.say', ['room' => 'attic', 'name' => $name, 'text' => 'hello']);
