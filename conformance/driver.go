package conformance

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

// client is a run of the peer as a client: the suite gives it orders on its
// stdin, hears on its stdout what it saw, and is the service that it calls.
type client struct {
	*child
	s     *suite
	enc   string
	ln    *net.UnixListener
	conns chan *service
	notes *end // what the peer says
	order int

	connected atomic.Bool
}

var runs atomic.Int64

// client starts one for a service that listens on a socket of its own.
func (s *suite) client(ctx context.Context, enc string, named bool, play func(*client) *Fault) *Fault {
	dir := filepath.Join(s.dir, fmt.Sprint(runs.Add(1)))
	if err := os.Mkdir(dir, 0o700); err != nil {
		return &Fault{Expected: "a folder", Came: err.Error()}
	}
	path := filepath.Join(dir, "probe.sock")
	ln, err := net.ListenUnix("unix", &net.UnixAddr{Name: path, Net: "unix"})
	if err != nil {
		return &Fault{Expected: "a socket", Came: err.Error()}
	}
	defer ln.Close()
	address, env := "unix:"+path, []string(nil)
	if named {
		address, env = "probe", []string{"SABIR_DIR=" + dir}
	}
	c := &client{s: s, enc: enc, ln: ln, conns: make(chan *service, 64)}
	go c.welcome()
	if c.child, err = start(ctx, s.command, env, "client", address, enc); err != nil {
		return &Fault{Expected: "the peer to start", Came: err.Error()}
	}
	defer c.child.Close()
	c.notes = newEnd(c.child, jsonLines, s.opts.Patience)
	go c.notes.listen(false)
	if f := play(c); f != nil {
		f.Came += c.said.told()
		select {
		case <-c.ended:
		default:
			f.silent = !c.spoke.Load() && !c.connected.Load()
		}
		return f
	}
	if err := c.leave(s.opts.Patience); err != nil {
		return &Fault{Clause: "O6", Sent: "the end of the orders", Expected: "the peer to exit with 0", Came: err.Error()}
	}
	return nil
}

// do gives an order.
func (c *client) do(what, method string, params Object, more ...Member) (n int) {
	c.order++
	c.notes.send(append(Object{{"n", c.order}, {"do", what}, {"method", method}, {"params", params}}, more...))
	return c.order
}

func (c *client) cancel(n int) { c.notes.send(Object{{"n", n}, {"do", "cancel"}}) }

// told waits for the next note of an order, and passes over those of others.
func (c *client) told(n int) (Object, error) {
	for {
		a := c.notes.receive()
		if a.msg == nil {
			return nil, fmt.Errorf("while a note on order %d was awaited: %s", n, told(a))
		}
		if a.msg.at("n") == int64(n) {
			return a.msg, nil
		}
	}
}

// tells waits for a note of an order that has these members.
func (c *client) tells(n int, want Object) error {
	got, err := c.told(n)
	if err != nil {
		return err
	}
	if err := make(names).match("", append(Object{{"n", int64(n)}}, want...), got); err != nil {
		return fmt.Errorf("%s; %w", show(got), err)
	}
	return nil
}

// fails waits for the failure of an order, by name.
func (c *client) fails(n int, name string) error {
	got, err := c.told(n)
	if err != nil {
		return err
	}
	failure, _ := got.at("error").(Object)
	if failure.at("name") != name {
		return fmt.Errorf("%s, and not the error %s", show(got), name)
	}
	return nil
}

// service is the suite's end of a connection that the peer made.
type service struct {
	*end
	conn  net.Conn
	asked chan asked

	mu  sync.Mutex
	ids []string // in flight
}

// asked is a message for the scenario, or why there are no more.
type asked struct {
	msg Object
	err error
}

// welcome takes connections until the scenario is over: a client may make one
// to ask for the description.
func (c *client) welcome() {
	for {
		conn, err := c.ln.Accept()
		if err != nil {
			return
		}
		c.connected.Store(true)
		var rw io.ReadWriteCloser = conn
		if c.s.opts.wrap != nil {
			rw = c.s.opts.wrap(conn, c.enc)
		}
		s := &service{end: newEnd(rw, c.enc, c.s.opts.Patience), conn: conn, asked: make(chan asked, 4096)}
		go s.listen(true)
		go s.sort()
		c.conns <- s
	}
}

// sort answers what a client asks of rpc on its own account, at once, and keeps
// the rest for the scenario.
func (s *service) sort() {
	for a := range s.in {
		method, isRequest := a.msg.at("method").(string)
		err := a.err
		if err == nil && a.msg == nil {
			err = errors.New(told(a))
		}
		if err == nil && isRequest {
			err = s.shape(a.msg)
		}
		switch {
		case err == nil && !isRequest: // a response that nobody asked for
		case err == nil && a.msg.has("id") && strings.HasPrefix(method, "rpc."):
			if err = s.oneself(a.msg, method); err != nil {
				s.asked <- asked{err: err}
			}
		default:
			s.asked <- asked{a.msg, err}
		}
	}
}

// members of a request. [M1]
var members = []string{"jsonrpc", "id", "method", "params", "window", "since", "timeout", "trace", "caller"}

// request waits for the next request for the service probe.
func (s *service) request() (Object, error) {
	for {
		o, err := s.message()
		if err != nil || o.has("id") {
			return o, err
		}
	}
}

// message is request that gives notifications back as well.
func (s *service) message() (Object, error) {
	select {
	case a := <-s.asked:
		return a.msg, a.err
	case <-time.After(s.patience):
		return nil, fmt.Errorf("while a request was awaited: %w for %v", errSilent, s.patience)
	}
}

// shape judges a request by what every service refuses.
func (s *service) shape(o Object) error {
	for _, m := range o {
		if !slices.Contains(members, m.Name) {
			return fmt.Errorf("[M1] a request with the member %q", m.Name)
		}
	}
	if p, ok := o.at("params").(Object); o.has("params") && o.at("params") != nil && !ok {
		return fmt.Errorf("[L2] params that are no object: %s", show(p))
	}
	if !o.has("id") {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	id := show(o.at("id"))
	switch v := o.at("id").(type) {
	case int64:
	case string:
		if len(v) > 64 {
			return fmt.Errorf("[M2] an id of %d bytes", len(v))
		}
	default:
		return fmt.Errorf("[M2] the id %s", id)
	}
	if slices.Contains(s.ids, id) {
		return fmt.Errorf("[S7] the id %s, which has no response yet", id)
	}
	s.ids = append(s.ids, id)
	if method, _ := o.at("method").(string); !strings.Contains(method, ".") {
		return fmt.Errorf("[L2] the method %q", method)
	}
	return nil
}

// oneself answers what the suite's own service rpc has to.
func (s *service) oneself(o Object, method string) error {
	var result Object
	switch method {
	case "rpc.ping":
	case "rpc.describe":
		probe, err := probeTree()
		if err != nil {
			return err
		}
		result = Object{{"hash", "1"}, {"services", []any{probe}}}
	case "rpc.info":
		result = Object{
			{"protocol", 1}, {"features", []any{}}, {"product", "conformance"}, {"version", "1"},
			{"services", []any{Object{{"name", "probe"}, {"version", "1.0"}}}}, {"limits", Object{}},
			{"you", Object{{"transport", "unix"}, {"level", "admin"}}},
		}
	default:
		return s.reply(o, failure(-32601, "rpc.MethodNotFound", Object{{"method", method}}))
	}
	return s.reply(o, Member{"result", result})
}

func failure(code int, name string, params Object) Member {
	return Member{"error", Object{{"code", code}, {"message", "as the suite wants it"}, {"data", Object{{"name", name}, {"params", params}}}}}
}

// reply answers a request.
func (s *service) reply(to Object, members ...Member) error {
	id := show(to.at("id"))
	s.mu.Lock()
	s.ids = slices.DeleteFunc(s.ids, func(known string) bool { return known == id })
	s.mu.Unlock()
	if r := members[0]; r.Name == "result" && r.Value == nil {
		members[0].Value = Object{}
	}
	return s.send(append(s.head(to), append(Object{{"id", to.at("id")}}, members...)...))
}

// head has jsonrpc for a client that sends it. [M5]
func (s *service) head(to Object) Object {
	if s.enc == jsonLines && to.has("jsonrpc") {
		return Object{{"jsonrpc", "2.0"}}
	}
	return nil
}

// tell sends a notification of a call: rpc.item or rpc.live.
func (s *service) tell(of Object, method string, params ...Member) error {
	o := append(s.head(of), notification(method, append(Object{{"id", of.at("id")}}, params...))...)
	return s.send(o)
}

func number(n int) Object { return Object{{"n", n}} }

// cut ends the connection.
func (s *service) cut() { s.conn.Close() }

// first is the connection on which the next request comes, which must be for a
// method. A connection on which nothing but rpc was asked does not count.
func (c *client) first(method string) (*service, Object, error) {
	for {
		select {
		case s := <-c.conns:
			o, err := s.requestFor(method)
			if errors.Is(err, io.EOF) {
				continue
			}
			return s, o, err
		case <-c.ended:
			return nil, nil, fmt.Errorf("the peer has exited: %s", c.exit())
		case <-time.After(c.s.opts.Patience):
			return nil, nil, fmt.Errorf("%w: the peer did not connect", errSilent)
		}
	}
}

func (s *service) requestFor(method string) (Object, error) {
	o, err := s.request()
	if err == nil && o.at("method") != method {
		err = errors.New(show(o) + " instead of " + method)
	}
	return o, err
}
