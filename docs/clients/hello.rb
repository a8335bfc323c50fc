require 'json'
require 'socket'

folder = ENV['SABIR_DIR'] || "#{ENV['XDG_RUNTIME_DIR']}/sabir"
$peer = UNIXSocket.new("#{folder}/hello.sock")

def greet(id, name)
  $peer.puts({ id: id, method: 'hello.greet', params: { name: name } }.to_json)
  answer = $peer.each_line.lazy.map { |line| JSON.parse(line) }.find { |m| m['id'] == id }
  error = answer['error'] or return answer['result']['text']
  "#{error['data']['name']}: #{error['message']}"
end

puts greet(1, 'ann')
puts greet(2, 'bob')
