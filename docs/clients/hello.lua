local json = require 'cjson'
local unix = require 'socket.unix'

local folder = os.getenv 'SABIR_DIR' or os.getenv 'XDG_RUNTIME_DIR' .. '/sabir'
local peer = unix.stream and unix.stream() or unix()
assert(peer:connect(folder .. '/hello.sock'))

local function greet(id, name)
  peer:send(json.encode { id = id, method = 'hello.greet', params = { name = name } } .. '\n')
  local answer
  repeat answer = json.decode((assert(peer:receive '*l'))) until answer.id == id
  if answer.error then return answer.error.data.name .. ': ' .. answer.error.message end
  return answer.result.text
end

print(greet(1, 'ann'))
print(greet(2, 'bob'))
