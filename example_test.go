package sabir_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"iter"
	"log"
	"os"
	"path/filepath"
	"slices"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/transport"
)

// The examples are about a small shop. Its members are in the examples of
// Method, Stream, NewTopic, NewState and NewTable.

type (
	item  struct{ Name string }
	price struct{ Cents int }
	sale  struct {
		Name  string
		Cents int
	}
)

// SoldOut is an error that members of the shop declare.
type SoldOut struct{ Name string }

func (e SoldOut) Error() string { return "no " + e.Name + " left" }

// NoSuchRoom is another.
type NoSuchRoom struct{ Room string }

func (e NoSuchRoom) Error() string { return "no room " + e.Room }

func newShop() *sabir.Service {
	s := sabir.NewService("shop", "1.0", "A small shop.")
	sabir.Method(s, "buy", func(_ context.Context, in item) (price, error) {
		if in.Name == "tea" {
			return price{}, SoldOut(in)
		}
		return price{250}, nil
	}, sabir.Doc("Buy something."), sabir.Errors(SoldOut{}))
	return s
}

// socket returns the address of a socket in a folder of its own.
func socket() (address string, remove func()) {
	dir, err := os.MkdirTemp("", "shop")
	if err != nil {
		log.Fatal(err)
	}
	return filepath.Join(dir, "shop.sock"), func() { os.RemoveAll(dir) }
}

// serve offers the shop at an address, until stop.
func serve(address string) (stop func()) {
	a, err := transport.Parse(address)
	if err != nil {
		log.Fatal(err)
	}
	ln, err := transport.Listen(a, nil)
	if err != nil {
		log.Fatal(err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- sabir.Serve(ctx, ln, newShop(), nil) }()
	return func() { cancel(); <-done }
}

func ExampleDial() {
	address, remove := socket() // in a program: the name of the service
	defer remove()
	defer serve(address)()

	ctx := context.Background()
	c, err := sabir.Dial(ctx, address, nil)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	p, err := sabir.Do[price](ctx, c, "shop.buy", item{"bread"})
	fmt.Println(p.Cents, err)
	// Output: 250 <nil>
}

func ExampleDo() {
	c := sabir.InProcess(newShop(), nil)
	defer c.Close()

	p, err := sabir.Do[price](context.Background(), c, "shop.buy", map[string]any{"name": "bread"})
	fmt.Println(p.Cents, err)

	// A Body is a result whatever its type.
	body, err := sabir.Do[sabir.Body](context.Background(), c, "shop.buy", item{"bread"})
	text, _ := body.JSON()
	fmt.Println(string(text), err)

	_, err = sabir.Do[price](context.Background(), c, "shop.buy", map[string]any{"nmae": "bread"})
	fmt.Println(err)
	// Output:
	// 250 <nil>
	// {"cents":250} <nil>
	// InvalidParams: nmae: unknown, did you mean name?; name: required
}

func ExampleNewRemote() {
	c := sabir.InProcess(newShop(), nil)
	defer c.Close()

	ctx := context.Background()
	shop, err := sabir.NewRemote(ctx, c, "shop")
	if err != nil {
		log.Fatal(err)
	}
	out, err := shop.Do(ctx, "buy", map[string]any{"name": "bread"})
	fmt.Println(out, err)

	// Nothing is sent that the description does not allow.
	_, err = shop.Do(ctx, "buy", map[string]any{"nmae": "bread"})
	fmt.Println(err)

	_, err = shop.Do(ctx, "buy", map[string]any{"name": "tea"})
	name, params, ok := shop.Failure(err)
	fmt.Println(name, params, ok)
	// Output:
	// map[cents:250] <nil>
	// InvalidParams: nmae: unknown, did you mean name?; name: required
	// SoldOut map[name:tea] true
}

func ExampleItems() {
	s := newShop()
	sabir.Stream(s, "shelf", func(context.Context, sabir.None) (iter.Seq2[item, error], error) {
		return func(yield func(item, error) bool) {
			for _, name := range []string{"bread", "milk", "tea"} {
				if !yield(item{name}, nil) {
					return
				}
			}
		}, nil
	})
	c := sabir.InProcess(s, nil)
	defer c.Close()

	for it, err := range sabir.Items[item](context.Background(), c, "shop.shelf", nil) {
		if err != nil {
			log.Fatal(err)
		}
		if it.Name == "tea" {
			break // and the shop stops looking
		}
		fmt.Println(it.Name)
	}
	// Output:
	// bread
	// milk
}

func ExampleWatch() {
	s := newShop()
	stock := sabir.NewTable[price, sabir.None](s, "stock")
	if err := stock.Set(sabir.None{}, "bread", price{250}); err != nil {
		log.Fatal(err)
	}
	c := sabir.InProcess(s, nil)
	defer c.Close()

	for e, err := range sabir.Watch[price](context.Background(), c, "shop.stock", nil, nil) {
		if err != nil {
			log.Fatal(err)
		}
		switch e.Kind {
		case sabir.Changed:
			fmt.Println(e.Key, e.Value.Cents)
		case sabir.Up:
			fmt.Println("these are all, changes follow")
			stock.Delete(sabir.None{}, "bread")
		case sabir.Gone:
			fmt.Println(e.Key, "is gone")
			return
		case sabir.Down:
			fmt.Println("connection lost, trying again:", e.Err)
		}
	}
	// Output:
	// bread 250
	// these are all, changes follow
	// bread is gone
}

func ExampleNotify() {
	s := newShop()
	rung := make(chan string)
	sabir.Method(s, "ring", func(_ context.Context, in item) (sabir.None, error) {
		rung <- in.Name
		return sabir.None{}, nil
	})
	c := sabir.InProcess(s, nil)
	defer c.Close()

	if err := sabir.Notify(context.Background(), c, "shop.ring", item{"bell"}); err != nil {
		log.Fatal(err)
	}
	fmt.Println(<-rung)
	// Output: bell
}

func ExampleNewService() {
	s := sabir.NewService("shop", "1.0", "A small shop.")
	sabir.Method(s, "close", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil },
		sabir.Doc("Send all out and lock the door."), sabir.Needs(sabir.AccessAdmin), sabir.Destructive)
	fmt.Print(s.Describe()[0])
	// Output:
	// // A small shop.
	// service shop 1.0
	//
	// // Send all out and lock the door.
	// method close()  destructive access=admin
}

func ExampleMethod() {
	type order struct {
		Name  string `doc:"What to buy."`
		Count int    `min:"1" max:"99"`
		Gift  *bool  // a pointer is an optional field
	}
	s := sabir.NewService("shop", "1.0", "")
	sabir.Method(s, "order", func(_ context.Context, in order) (price, error) {
		return price{250 * in.Count}, nil
	}, sabir.Doc("Order something."))

	p, err := sabir.Do[price](context.Background(), s, "shop.order", order{Name: "bread", Count: 2})
	fmt.Println(p.Cents, err)
	_, err = sabir.Do[price](context.Background(), s, "shop.order", order{Name: "bread", Count: 100})
	fmt.Println(err)
	// Output:
	// 500 <nil>
	// InvalidParams: count: at most 99, got 100
}

func ExampleStream() {
	type span struct{ From, To int }
	type number struct{ N int }
	s := sabir.NewService("shop", "1.0", "")
	sabir.Stream(s, "count", func(_ context.Context, in span) (iter.Seq2[number, error], error) {
		return func(yield func(number, error) bool) {
			for n := in.From; n <= in.To; n++ {
				if !yield(number{n}, nil) {
					return // nobody wants more
				}
			}
		}, nil
	}, sabir.Readonly)

	// A plain request gets all of it as a list; Items gets it one by one.
	all, err := sabir.Do[[]number](context.Background(), s, "shop.count", span{3, 5})
	fmt.Println(all, err)
	// Output: [{3} {4} {5}] <nil>
}

func ExampleNewTopic() {
	type aisle struct{ Aisle int }
	s := sabir.NewService("shop", "1.0", "")
	sold := sabir.NewTopic[sale, aisle](s, "sold", sabir.Doc("What was just sold."))

	// Nobody listens, and so nothing is done.
	if err := sold.Publish(aisle{1}, sale{"bread", 250}); err != nil {
		log.Fatal(err)
	}
	for e, err := range sabir.Watch[sale](context.Background(), s, "shop.sold", aisle{1}, nil) {
		switch {
		case err != nil:
			log.Fatal(err)
		case e.Kind == sabir.Up:
			sold.Publish(aisle{1}, sale{"milk", 120})
			sold.Publish(aisle{2}, sale{"soap", 90}) // another sequence
		case e.Kind == sabir.Changed:
			fmt.Println(e.Seq, e.Value.Name, e.Lost)
			return
		}
	}
	// Output: 1 milk 0
}

func ExampleNewState() {
	type door struct{ Open bool }
	s := sabir.NewService("shop", "1.0", "")
	state := sabir.NewState[door, sabir.None](s, "door")

	_, err := sabir.Do[door](context.Background(), s, "shop.door", nil)
	fmt.Println(err)
	if err := state.Set(sabir.None{}, door{true}); err != nil {
		log.Fatal(err)
	}
	d, err := sabir.Do[door](context.Background(), s, "shop.door", nil)
	fmt.Println(d.Open, err)
	// Output:
	// Unavailable: shop.door has no value yet
	// true <nil>
}

func ExampleNewTable() {
	s := sabir.NewService("shop", "1.0", "")
	stock := sabir.NewTable[price, sabir.None](s, "stock")
	for name, cents := range map[string]int{"bread": 250, "milk": 120, "tea": 400} {
		if err := stock.Set(sabir.None{}, name, price{cents}); err != nil {
			log.Fatal(err)
		}
	}
	fmt.Println(stock.Delete(sabir.None{}, "tea"), stock.Len(sabir.None{}))

	rows, err := sabir.Do[[]sabir.Row[price]](context.Background(), s, "shop.stock", nil)
	for _, row := range rows {
		fmt.Println(row.Key, row.Value.Cents)
	}
	fmt.Println(err)
	// Output:
	// true 2
	// bread 250
	// milk 120
	// <nil>
}

func ExampleNewMux() {
	cafe := sabir.NewService("cafe", "2.1", "Next door.")
	sabir.Method(cafe, "sit", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })

	c := sabir.InProcess(sabir.NewMux(newShop(), cafe), nil)
	defer c.Close()
	type info struct {
		Services []struct{ Name, Version string }
	}
	got, err := sabir.Do[info](context.Background(), c, "rpc.info", nil)
	fmt.Println(got.Services, err)
	_, err = sabir.Do[sabir.None](context.Background(), c, "cafe.sit", nil)
	fmt.Println(err)
	// Output:
	// [{shop 1.0} {cafe 2.1}] <nil>
	// <nil>
}

func ExampleServe() {
	address, remove := socket()
	defer remove()
	a, err := transport.Parse(address)
	if err != nil {
		log.Fatal(err)
	}
	// Once Listen has returned, clients can connect.
	ln, err := transport.Listen(a, &transport.ListenOptions{Mode: 0o660})
	if err != nil {
		log.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- sabir.Serve(ctx, ln, newShop(), &sabir.ServeOptions{Product: "shopd"}) }()

	c, err := sabir.Dial(ctx, address, nil)
	if err != nil {
		log.Fatal(err)
	}
	p, err := sabir.Do[price](ctx, c, "shop.buy", item{"bread"})
	fmt.Println(p.Cents, err)
	c.Close()
	stop()
	fmt.Println(<-done)
	// Output:
	// 250 <nil>
	// <nil>
}

func ExampleListenAndServe() {
	address, remove := socket() // in a program: "shop"
	defer remove()
	ctx, stop := context.WithCancel(context.Background())
	stop() // in a program: signal.NotifyContext
	fmt.Println(sabir.ListenAndServe(ctx, address, newShop(), nil))
	// Output: <nil>
}

func ExampleServeConn() {
	// A program that is started for each client (exec: and ssh: addresses, inetd)
	// serves its stdin and stdout: transport.Stdio(os.Stdin, os.Stdout).
	in, ask := io.Pipe()
	go func() {
		fmt.Fprintln(ask, `{"id":1,"method":"shop.buy","params":{"name":"bread"}}`)
		ask.Close()
	}()
	conn := transport.Stdio(in, os.Stdout)
	if err := sabir.ServeConn(context.Background(), conn, newShop(), nil); err != nil {
		log.Fatal(err)
	}
	// Output: {"id":1,"result":{"cents":250}}
}

func ExampleInProcess() {
	// A test goes through the whole protocol without a socket. It could as well
	// call the service itself, which is a Handler too.
	c := sabir.InProcess(newShop(), &sabir.DialOptions{CBOR: true})
	defer c.Close()
	for _, h := range []sabir.Handler{c, newShop()} {
		p, err := sabir.Do[price](context.Background(), h, "shop.buy", item{"bread"})
		fmt.Println(p.Cents, err)
	}
	// Output:
	// 250 <nil>
	// 250 <nil>
}

// An error that a service declares is found by the name of its Go type, which
// need not be the type that the service has.
func ExampleErrors() {
	s := newShop() // whose method buy has sabir.Errors(SoldOut{})
	c := sabir.InProcess(s, nil)
	defer c.Close()

	_, err := sabir.Do[price](context.Background(), c, "shop.buy", item{"tea"})
	var out SoldOut
	if errors.As(err, &out) {
		fmt.Println("sold out:", out.Name)
	}
	_, err = sabir.Do[price](context.Background(), c, "shop.sell", item{"tea"})
	if errors.Is(err, sabir.ErrMethodNotFound) {
		fmt.Println(err)
	}
	// Output:
	// sold out: tea
	// MethodNotFound: no member shop.sell
}

func ExampleOnListeners() {
	type camera struct{ Camera string }
	type frame struct{ Size int }
	s := sabir.NewService("shop", "1.0", "")
	sabir.NewTopic[frame, camera](s, "frames", sabir.OnListeners(func(in camera, listening bool) {
		if listening {
			fmt.Println("switch on", in.Camera)
		} else {
			fmt.Println("switch off", in.Camera)
		}
	}))
	for e, err := range sabir.Watch[frame](context.Background(), s, "shop.frames", camera{"door"}, nil) {
		if err != nil {
			log.Fatal(err)
		}
		if e.Kind == sabir.Up {
			fmt.Println("listening")
			break
		}
	}
	// Output:
	// switch on door
	// listening
	// switch off door
}

func ExampleAccept() {
	type room struct{ Room string }
	s := sabir.NewService("shop", "1.0", "")
	rooms := []string{"front", "store"}
	sabir.NewTopic[sale, room](s, "sold", sabir.Errors(NoSuchRoom{}), sabir.Accept(func(ctx context.Context, in room) error {
		switch {
		case !slices.Contains(rooms, in.Room):
			return NoSuchRoom(in)
		case sabir.CallerOf(ctx).Level != sabir.AccessAdmin:
			return sabir.ErrDenied
		}
		return nil
	}))
	for _, err := range sabir.Watch[sale](context.Background(), s, "shop.sold", room{"attic"}, nil) {
		fmt.Println(err)
	}
	// Output: NoSuchRoom: no room attic
}
