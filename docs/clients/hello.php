<?php
$folder = getenv('SABIR_DIR') ?: getenv('XDG_RUNTIME_DIR') . '/sabir';
$peer = stream_socket_client("unix://$folder/hello.sock") or exit(1);

function greet($id, $name)
{
    global $peer;
    fwrite($peer, json_encode(['id' => $id, 'method' => 'hello.greet', 'params' => ['name' => $name]]) . "\n");
    do $answer = json_decode(fgets($peer) ?: exit(1), true); while (($answer['id'] ?? null) !== $id);
    if ($error = $answer['error'] ?? null) return "{$error['data']['name']}: {$error['message']}\n";
    return "{$answer['result']['text']}\n";
}

echo greet(1, 'ann');
echo greet(2, 'bob');
