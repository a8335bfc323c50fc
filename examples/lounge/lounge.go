// Package lounge is a daemon for chat rooms and shared files, and an example
// that uses every kind of member once: methods (join, say), streams (search,
// fetch), a topic (message), a table (users) and a state (status).
//
//	l := lounge.New(nil)
//	defer l.Close()
//	err := sabir.ListenAndServe(ctx, "lounge", l.Service(), nil)
//
// A membership belongs to a room and a name, not to a connection: it ends with
// leave. Nothing a caller does makes the daemon grow without bound; what would
// is answered rpc.Busy.
package lounge

import (
	"log/slog"

	"github.com/sabir-ipc/sabir"
)

// Lounge is the daemon. It may be used by any number of goroutines.
type Lounge struct {
	service *sabir.Service
	rooms   rooms
	bots    bots
	shelf   shelf
}

// New makes a lounge without rooms and folders. A nil log is slog.Default.
func New(log *slog.Logger) *Lounge {
	if log == nil {
		log = slog.Default()
	}
	l := &Lounge{service: sabir.NewService("lounge", "1.0", "Chat rooms and shared files.")}
	l.shelf.log = log
	l.bots.open(log)
	l.rooms.bots = &l.bots
	l.declare()
	l.rooms.open()
	return l
}

// Service returns what the lounge offers.
func (l *Lounge) Service() *sabir.Service { return l.service }

// Close takes all folders back: what is being searched ends, what is being
// fetched goes on to its end, and nothing can be shared any more. Bots answer no
// more.
func (l *Lounge) Close() error {
	l.bots.close()
	return l.shelf.close()
}

// Exports takes in bots, for [sabir.ServeOptions].
func (l *Lounge) Exports() *sabir.Exports { return l.bots.exports }

// declare says what the service looks like. The text of it is in lounge.sabir.
func (l *Lounge) declare() {
	s, r, f := l.service, &l.rooms, &l.shelf

	s.Errors(NoSuchRoom{}, NotJoined{}, NameTaken{}, NoSuchFolder{}, LabelTaken{}, NoSuchFile{}) // in the order of lounge.sabir

	sabir.Method(s, "join", r.join, sabir.Doc("Enter a room, which is made if need be."),
		sabir.Errors(NameTaken{}))
	sabir.Method(s, "leave", r.leave, sabir.Doc("Leave a room."),
		sabir.Errors(NoSuchRoom{}, NotJoined{}))
	sabir.Method(s, "say", r.say, sabir.Doc("Say something in a room."),
		sabir.Errors(NoSuchRoom{}, NotJoined{}))

	r.message = sabir.NewTopic[Message, inRoom](s, "message", sabir.Common,
		sabir.Doc("Things said in a room, from now on or since a position."))
	r.users = sabir.NewTable[User, inRoom](s, "users", sabir.Common,
		sabir.Doc("Who is in a room."))
	r.status = sabir.NewState[Status, sabir.None](s, "status", sabir.Common,
		sabir.Doc("What the daemon is doing."))

	sabir.Method(s, "share", f.share, sabir.Doc("Offer a folder of this machine, read-only, under a label."),
		sabir.Needs(sabir.AccessAdmin), sabir.Errors(NoSuchFolder{}, LabelTaken{}))
	sabir.Stream(s, "search", f.search, sabir.Doc("Find shared files by name; hits come as they are found."),
		sabir.Readonly)
	sabir.Stream(s, "fetch", f.fetch, sabir.Doc("Read a shared file."),
		sabir.Readonly, sabir.Errors(NoSuchFile{}))
}
