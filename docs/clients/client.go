//go:build ignore

package main

import (
	"encoding/json"
	"fmt"
	"log"
	"net"
	"os"
)

type object = map[string]any

func main() {
	log.SetFlags(0)
	peer, err := net.Dial("unix", os.Getenv("SABIR_DIR")+"/lounge.sock")
	if err != nil {
		log.Fatal(err)
	}
	in, out, last := json.NewDecoder(peer), json.NewEncoder(peer), 0.0
	call := func(request object) object { // returns the result, or the first item
		last++
		request["id"] = last
		out.Encode(request)
		for m := (object{}); in.Decode(&m) == nil; m = (object{}) {
			if p, _ := m["params"].(object); m["method"] == "rpc.item" && p["id"] == last {
				return p["value"].(object)
			}
			if e, failed := m["error"].(object); m["method"] == nil && m["id"] == last && failed {
				log.Fatalf("%s: %s", e["data"].(object)["name"], e["message"])
			} else if m["method"] == nil && m["id"] == last {
				return m["result"].(object)
			}
		}
		panic("the service ended the connection")
	}
	name := os.Args[1]
	fmt.Println(call(object{"method": "lounge.join", "params": object{"room": "dev", "name": name}})["members"])
	m := call(object{"method": "lounge.message", "params": object{"room": "dev"}, "window": 0, "since": object{"epoch": "", "seq": 0}})
	fmt.Printf("%s: %s\n", m["name"], m["text"])
	call(object{"method": "lounge.say", "params": object{"room": "attic", "name": name, "text": "hello"}})
}
