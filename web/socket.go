package web

import (
	"net/http"
	"strings"

	"github.com/coder/websocket"
	"github.com/sabir-ipc/sabir"
)

func upgrades(r *http.Request) bool {
	return r.Method == http.MethodGet && strings.EqualFold(r.Header.Get("Upgrade"), "websocket")
}

// maxStranger is how long a message may be until its sender is known. spec [K3]
const maxStranger = 4 << 10

// socket makes the request a WebSocket, which is a connection like others. spec [H11]
func (v *visit) socket() {
	var caller *sabir.Caller
	token, ok := v.bearer()
	who, err := v.visitor.Caller(token, v.passedOn())
	switch {
	case err == nil:
		caller = &who
	case !ok || token != "":
		v.fail(err)
		return
	}
	// Where it comes from was looked at before; the library would compare Origin and Host alone.
	ws, err := websocket.Accept(v.w, v.r, &websocket.AcceptOptions{InsecureSkipVerify: true, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return // it has answered
	}
	f := newFrames(v.door.Base(), ws, v.visitor, maxStranger)
	v.visitor.Attach(f, caller, func() { f.max.Store(int64(2 * v.door.Limits().Message)) })
}
