package require json
package require json::write
set folder [expr {[info exists env(SABIR_DIR)] ? $env(SABIR_DIR) : "$env(XDG_RUNTIME_DIR)/sabir"}]
set peer [open "|socat - UNIX-CONNECT:$folder/hello.sock" r+]; # Tcl itself has no unix sockets
fconfigure $peer -encoding utf-8 -buffering line

proc greet {id name} {
    global peer
    puts $peer "{\"id\":$id,\"method\":\"hello.greet\",\"params\":{\"name\":[json::write string $name]}}"
    while {[gets $peer line] >= 0} {
        set answer [json::json2dict $line]
        if {![dict exists $answer id] || [dict get $answer id] != $id} continue
        if {![dict exists $answer error]} { return [dict get $answer result text] }
        return "[dict get $answer error data name]: [dict get $answer error message]"
    }
}

puts [greet 1 ann]
puts [greet 2 bob]
