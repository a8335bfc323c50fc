local json = require 'cjson'
local unix = require 'socket.unix'

local folder = os.getenv 'SABIR_DIR' or os.getenv 'XDG_RUNTIME_DIR' .. '/sabir'
local peer, last = unix.stream and unix.stream() or unix(), 0
assert(peer:connect(folder .. '/lounge.sock'))

local function call(method, params, more) -- returns the result, or the first item
  last = last + 1
  local request = more or {}
  request.id, request.method, request.params = last, method, params
  peer:send(json.encode(request) .. '\n')
  while true do
    local m = json.decode((assert(peer:receive '*l')))
    if m.method == 'rpc.item' and m.params.id == last then return m.params.value end
    if not m.method and m.id == last then
      if not m.error then return m.result end
      io.stderr:write(m.error.data.name, ': ', m.error.message, '\n')
      os.exit(1)
    end
  end
end

print(math.floor(call('lounge.join', { room = 'dev', name = arg[1] }).members))
local message = call('lounge.message', { room = 'dev' }, { window = 0, since = { epoch = '', seq = 0 } })
print(message.name .. ': ' .. message.text)
call('lounge.say', { room = 'attic', name = arg[1], text = 'hello' })
