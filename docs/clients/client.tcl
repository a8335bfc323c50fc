package require json
package require json::write
set folder [expr {[info exists env(SABIR_DIR)] ? $env(SABIR_DIR) : "$env(XDG_RUNTIME_DIR)/sabir"}]
set peer [open "|socat - UNIX-CONNECT:$folder/lounge.sock" r+]; # Tcl itself has no unix sockets
fconfigure $peer -encoding utf-8 -buffering line
set last 0

proc object args { json::write object {*}[dict map {key text} $args {json::write string $text}] }

proc call {method params {more ""}} { # returns the result, or the first item
    global peer last
    puts $peer "{\"id\":[incr last],\"method\":\"$method\",\"params\":$params$more}"
    while {[gets $peer line] >= 0} {
        set m [json::json2dict $line]
        if {[dict exists $m method]} {
            if {[dict get $m method] eq "rpc.item" && [dict get $m params id] == $last} { return [dict get $m params value] }
        } elseif {[dict get $m id] == $last} {
            if {![dict exists $m error]} { return [dict get $m result] }
            puts stderr "[dict get $m error data name]: [dict get $m error message]"
            exit 1
        }
    }
}

json::write indented 0
set name [lindex $argv 0]
puts [dict get [call lounge.join [object room dev name $name]] members]
set message [call lounge.message {{"room":"dev"}} {,"window":0,"since":{"epoch":"","seq":0}}]
puts "[dict get $message name]: [dict get $message text]"
call lounge.say [object room attic name $name text hello]
