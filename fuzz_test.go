package sabir_test

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sabir-ipc/sabir/examples/probe"
)

// FuzzSession plays its input as a program of operations against a service, and
// holds what comes back against the rules: each call is answered once and
// nothing of it comes after, credit is kept to, topics are gapless but for what
// is told, and in the end nothing is left running.
//
// clause: S1, S6, S7, S10, S13, O1, M11
func FuzzSession(f *testing.F) {
	f.Add([]byte{0, 0, 1, 1, 2, 2, 8, 0, 3, 3, 9, 0})
	f.Add([]byte{3, 0, 5, 9, 5, 9, 10, 0, 8, 0, 5, 200, 5, 255, 8, 0})
	f.Add([]byte{3, 8, 11, 255, 11, 255, 11, 255, 11, 255, 11, 255, 8, 8, 8, 8})
	f.Add([]byte{4, 0, 6, 1, 6, 2, 8, 4, 7, 0, 6, 0, 12, 30, 6, 4, 9, 0, 4, 0})
	f.Add([]byte{2, 4, 8, 2, 13, 0, 8, 2, 2, 5, 14, 0})
	f.Fuzz(func(t *testing.T, program []byte) {
		if len(program) > 400 {
			return
		}
		synctest.Test(t, func(t *testing.T) {
			s := newSession(t)
			for i := 0; i+1 < len(program) && !s.over; i += 2 {
				s.step(program[i], program[i+1])
				synctest.Wait()
			}
			s.finish()
		})
	})
}

// session is the client, and what it knows of its calls.
type session struct {
	t    *testing.T
	s    *served
	next int
	over bool // we have broken the connection
	seen chan string
	made map[string]*made
}

// made is a call of the session.
type made struct {
	credit   int // -1: unlimited
	answered bool
	topic    bool
	live     bool
	at       int // seq of the last item, or lost
}

func newSession(t *testing.T) *session {
	s := &session{t: t, s: serveBubble(probe.New(), nil), seen: make(chan string, 100_000), made: make(map[string]*made)}
	go func() {
		in := bufio.NewReader(s.s.Conn)
		for {
			line, err := in.ReadString('\n')
			if err != nil {
				close(s.seen)
				return
			}
			s.seen <- line
		}
	}()
	return s
}

// step is one operation.
func (s *session) step(op, arg byte) {
	room := fmt.Sprintf(`"name":"%d"`, arg%3)
	window := int(arg >> 4)
	switch op % 15 {
	case 0:
		s.call("probe.echo", fmt.Sprintf(`"text":"x","n":%d`, int(arg)-20), -2)
	case 1:
		s.call("probe.wait", room, -2)
	case 2:
		s.call("probe.count", fmt.Sprintf(`"to":%d`, arg%50), window)
	case 3:
		s.call("probe.tick", room, window)
	case 4:
		s.call([]string{"probe.value", "probe.rows"}[arg%2], room, window)
	case 5:
		s.call("probe.publish", fmt.Sprintf(`%s,"times":%d`, room, 1+int(arg)), -2)
	case 6:
		s.call("probe.set", fmt.Sprintf(`%s,"n":%d`, room, arg), -2)
		s.call("probe.put", fmt.Sprintf(`%s,"key":"%d","n":%d`, room, arg%5, arg), -2)
	case 7:
		s.call("probe.drop", fmt.Sprintf(`%s,"key":"%d"`, room, arg%5), -2)
		s.call("probe.release", room, -2)
	case 8: // credit
		id := fmt.Sprint(int(arg) % (s.next + 1))
		if m := s.made[id]; m != nil && m.credit >= 0 && !m.answered {
			m.credit += 3
		}
		s.send(fmt.Sprintf(`{"method":"rpc.more","params":{"id":%s,"n":3}}`, id))
	case 9:
		s.send(fmt.Sprintf(`{"method":"rpc.cancel","params":{"id":%d}}`, int(arg)%(s.next+1)))
	case 10:
		time.Sleep(time.Duration(arg) * time.Second / 4)
	case 11:
		s.call("probe.publish", fmt.Sprintf(`%s,"times":%d`, room, 1+4*int(arg)), -2)
	case 12: // a plain request that waits, with a time limit
		s.request("probe.tick", room, fmt.Sprintf(`,"timeout":%d.5`, arg%8), -2)
	case 13: // nonsense that the connection survives
		s.send([]string{`{"method":"rpc.more","params":{"id":{}}}`, `{"id":-7,"result":1}`, `{"method":"x.y"}`, `{"method":"rpc.item","params":{"id":1,"value":0}}`}[arg%4])
	case 14: // and that it does not
		if arg > 240 {
			s.over = true
			s.send(`{"id":1,"id":2}`)
		}
	}
	s.read()
}

func (s *session) call(method, params string, window int) { s.request(method, params, "", window) }

func (s *session) request(method, params, more string, window int) {
	id := fmt.Sprint(s.next)
	s.next++
	m := &made{credit: window, topic: method == "probe.tick"}
	if window == 0 {
		m.credit = -1
	}
	if window >= 0 {
		more += fmt.Sprintf(`,"window":%d`, window)
	}
	s.made[id] = m
	s.send(fmt.Sprintf(`{"id":%s,"method":%q,"params":{%s}%s}`, id, method, params, more))
}

func (s *session) send(line string) { io.WriteString(s.s, line+"\n") }

// read judges what has come.
func (s *session) read() {
	for {
		select {
		case line, ok := <-s.seen:
			if !ok {
				if !s.over {
					s.t.Error("the connection was closed")
				}
				s.over = true
				return
			}
			s.judge(line)
		default:
			return
		}
	}
}

func (s *session) judge(line string) {
	var m struct {
		ID     *int
		Method string
		Params struct {
			ID, Seq, Lost int
		}
		Result, Error json.RawMessage
	}
	if err := json.Unmarshal([]byte(line), &m); err != nil {
		s.t.Fatalf("%v: %s", err, line)
	}
	if m.Method == "" {
		if m.ID == nil {
			if !s.over {
				s.t.Errorf("an answer to nothing: %s", line)
			}
			return
		}
		c := s.made[fmt.Sprint(*m.ID)]
		if c == nil || c.answered || (m.Result == nil) == (m.Error == nil) {
			s.t.Fatalf("answered twice, or without a call: %s", line)
		}
		c.answered = true
		return
	}
	c := s.made[fmt.Sprint(m.Params.ID)]
	if c == nil || c.answered {
		s.t.Fatalf("for a call that is over: %s", line)
	}
	if m.Method == "rpc.live" {
		c.live, c.at = true, m.Params.Seq
		return
	}
	if c.credit == 0 {
		s.t.Fatalf("without credit: %s", line)
	}
	if c.credit > 0 {
		c.credit--
	}
	if c.topic {
		if !c.live || m.Params.Seq != c.at+m.Params.Lost+1 {
			s.t.Fatalf("after %d: %s", c.at, line)
		}
		c.at = m.Params.Seq
	}
}

// finish cancels all and looks that all is answered.
func (s *session) finish() {
	if !s.over {
		for id := range s.next {
			s.send(fmt.Sprintf(`{"method":"rpc.cancel","params":{"id":%d}}`, id))
		}
		time.Sleep(time.Second)
		synctest.Wait()
		s.read()
		for id, c := range s.made {
			if !c.answered && !s.over {
				s.t.Errorf("call %s was never answered", id)
			}
		}
	}
	s.over = true
	s.s.end(s.t)
	for range s.seen {
	}
}
