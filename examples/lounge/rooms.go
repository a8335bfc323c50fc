package lounge

import (
	"context"
	"errors"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
)

// So many rooms and so many members of one, and no caller can make the daemon
// grow further.
const (
	maxRooms   = 1024
	maxMembers = 1024
)

// Message is something said in a room. Seq is its place in the topic, which say
// returned to whoever said it.
type Message struct {
	Seq  int
	Name string
	Text string
	At   time.Time
}

// User is a member of a room: a row of the table, by Name.
type User struct {
	Name  string
	Since time.Time
	Said  int // messages since then
}

// Status is what the daemon is doing. Who is in two rooms is two users.
type Status struct {
	Started  time.Time
	Rooms    int
	Users    int
	Messages int // all that were ever said
}

// The params and results of the members.
type (
	inRoom struct{ Room string }
	member struct{ Room, Name string }

	joinParams struct {
		Room string `pattern:"[a-z0-9-]{1,32}"`
		Name string `min:"1" max:"32"`
	}
	joinResult struct{ Members int }

	sayParams struct {
		Room, Name string
		Text       string `min:"1" max:"4096"`
	}
	sayResult struct{ Seq int }
)

// rooms is who is where. What is published is published under mu, so that
// subscribers see changes in the order in which they were made.
type rooms struct {
	message *sabir.Topic[Message, inRoom]
	users   *sabir.Table[User, inRoom]
	status  *sabir.State[Status, sabir.None]
	bots    *bots

	mu  sync.Mutex
	all map[string]map[string]User // by room and name; no room is empty
	now Status
}

func (r *rooms) open() {
	r.all = make(map[string]map[string]User)
	r.now.Started = time.Now().UTC()
	if err := r.status.Set(sabir.None{}, r.now); err != nil {
		panic(err) // cannot be: a status can always be written
	}
}

// join counts the one who joins among the members.
func (r *rooms) join(_ context.Context, in joinParams) (joinResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	room := r.all[in.Room]
	_, taken := room[in.Name]
	switch {
	case taken:
		return joinResult{}, NameTaken(in.member())
	case room == nil && len(r.all) >= maxRooms:
		return joinResult{}, sabir.Busy("rooms", "over %d rooms", maxRooms)
	case len(room) >= maxMembers:
		return joinResult{}, sabir.Busy("members", "over %d members of a room", maxMembers)
	}
	var kept error
	if room == nil {
		// The sequence is there as long as the room, with or without listeners,
		// so that say always has a seq to return.
		kept = r.message.Keep(inRoom{in.Room})
		room = make(map[string]User)
		r.all[in.Room] = room
		r.now.Rooms++
	}
	r.now.Users++
	err := r.put(in.Room, User{Name: in.Name, Since: time.Now().UTC()})
	return joinResult{len(room)}, errors.Join(kept, err)
}

func (p joinParams) member() member { return member(p) }

// leave ends the room with its last member.
func (r *rooms) leave(_ context.Context, in member) (sabir.None, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, err := r.find(in); err != nil {
		return sabir.None{}, err
	}
	delete(r.all[in.Room], in.Name)
	r.users.Delete(inRoom{in.Room}, in.Name)
	r.now.Users--
	if len(r.all[in.Room]) == 0 {
		delete(r.all, in.Room)
		r.message.Forget(inRoom{in.Room})
		r.now.Rooms--
	}
	return sabir.None{}, r.status.Set(sabir.None{}, r.now)
}

func (r *rooms) say(ctx context.Context, in sayParams) (sayResult, error) {
	out, err := r.publish(in)
	if err == nil {
		r.bots.hear(sabir.CallerOf(ctx), in, func(name, text string) { r.reply(in.Room, name, text) })
	}
	return out, err
}

// reply says what a bot answers, which is a member of no room.
func (r *rooms) reply(room, name, text string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if _, ok := r.all[room]; !ok || text == "" {
		return
	}
	_, err := r.message.PublishSeq(inRoom{room}, func(seq int64) Message {
		return Message{int(seq), name, text, time.Now().UTC()}
	})
	if err == nil {
		r.now.Messages++
		err = r.status.Set(sabir.None{}, r.now)
	}
	if err != nil {
		r.bots.log.Warn("lounge: answer of a bot", "name", name, "err", err)
	}
}

func (r *rooms) publish(in sayParams) (sayResult, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	user, err := r.find(member{in.Room, in.Name})
	if err != nil {
		return sayResult{}, err
	}
	seq, err := r.message.PublishSeq(inRoom{in.Room}, func(seq int64) Message {
		return Message{int(seq), in.Name, in.Text, time.Now().UTC()}
	})
	if err != nil {
		return sayResult{}, err
	}
	user.Said++
	r.now.Messages++
	return sayResult{int(seq)}, r.put(in.Room, user)
}

func (r *rooms) find(m member) (User, error) {
	room, ok := r.all[m.Room]
	if !ok {
		return User{}, NoSuchRoom{m.Room}
	}
	user, ok := room[m.Name]
	if !ok {
		return User{}, NotJoined(m)
	}
	return user, nil
}

// put shows a member as it is now.
func (r *rooms) put(room string, u User) error {
	r.all[room][u.Name] = u
	return errors.Join(r.users.Set(inRoom{room}, u.Name, u), r.status.Set(sabir.None{}, r.now))
}
