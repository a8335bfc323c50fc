package sabir

import (
	"context"

	"github.com/sabir-ipc/sabir/wire"
)

// PeerOf returns the other side of the connection on which a call came, as a
// Handler: peers are symmetric, so a service may call the client that calls it,
// if that serves ([DialOptions].Handler). ok is false if ctx belongs to no call
// that came over a connection.
func PeerOf(ctx context.Context) (h Handler, ok bool) {
	c, ok := ctx.Value(peerKey{}).(*conn)
	return peer{c}, ok
}

type peerKey struct{}

// peer makes calls on a connection that was accepted, as long as it lasts.
type peer struct{ c *conn }

func (p peer) Handle(ctx context.Context, call *Call, sink Sink) (body Body, err error) {
	err = p.c.call(ctx, call, sink, func(v wire.Value, frame *[]byte) error {
		body = kept(v, frame)
		return nil
	})
	if err == errNotSent {
		err = &Unanswered{Err: p.c.why(), final: true}
	}
	return body, err
}
