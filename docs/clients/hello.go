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
	peer, err := net.Dial("unix", os.Getenv("SABIR_DIR")+"/hello.sock")
	if err != nil {
		log.Fatal(err)
	}
	lines, out := json.NewDecoder(peer), json.NewEncoder(peer)
	greet := func(id float64, name string) any {
		out.Encode(object{"id": id, "method": "hello.greet", "params": object{"name": name}})
		answer := object{}
		for answer["id"] != id {
			answer = object{}
			if err := lines.Decode(&answer); err != nil {
				log.Fatal(err)
			}
		}
		if failure, ok := answer["error"].(object); ok {
			return fmt.Sprint(failure["data"].(object)["name"], ": ", failure["message"])
		}
		return answer["result"].(object)["text"]
	}
	fmt.Println(greet(1, "ann"))
	fmt.Println(greet(2, "bob"))
}
