package sabir_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"

	"github.com/sabir-ipc/sabir"
)

// A client of an older version of a service, and of a newer one: params that
// are new are optional, results that are new are ignored.
// clause: D5
func TestEvolution(t *testing.T) {
	type sayV1 struct{ Text string }
	type sayV2 struct {
		Text string
		Loud bool `sabir:",optional"`
	}
	v2 := sabir.NewService("s", "2", "")
	sabir.Method(v2, "say", func(_ context.Context, in sayV2) (struct{ Seq, Heard int }, error) {
		return struct{ Seq, Heard int }{Seq: 1}, nil
	})
	c := sabir.InProcess(v2, nil)
	defer c.Close()
	if out, err := sabir.Do[struct{ Seq int }](t.Context(), c, "s.say", sayV1{"x"}); err != nil || out.Seq != 1 {
		t.Errorf("an old client: %v", err)
	}
	v1 := sabir.NewService("s", "1", "")
	sabir.Method(v1, "say", func(_ context.Context, in sayV1) (struct{ Seq int }, error) {
		return struct{ Seq int }{1}, nil
	})
	d := sabir.InProcess(v1, nil)
	defer d.Close()
	if _, err := sabir.Do[struct{ Seq int }](t.Context(), d, "s.say", sayV2{Text: "x"}); err != nil {
		t.Errorf("a new client that asks for nothing new: %v", err)
	}
	if _, err := sabir.Do[struct{ Seq int }](t.Context(), d, "s.say", sayV2{"x", true}); !errors.Is(err, sabir.ErrInvalidParams) {
		t.Errorf("a new client that does: %v", err)
	}
}

// What the program uses for names, types and limits is checked when it is declared.
// clause: T9
func TestDeclarations(t *testing.T) {
	method := func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil }
	for what, declare := range map[string]func(){
		"service name": func() { sabir.NewService("Lounge", "1", "") },
		"service rpc":  func() { sabir.NewService("rpc", "1", "") },
		"member name":  func() { sabir.Method(sabir.NewService("s", "1", ""), "sayIt", method) },
		"member twice": func() {
			s := sabir.NewService("s", "1", "")
			sabir.Method(s, "a", method)
			sabir.Method(s, "a", method)
		},
		"field name": func() {
			sabir.NewTopic[struct {
				X int `sabir:"a-b"`
			}, sabir.None](sabir.NewService("s", "1", ""), "t")
		},
		"no struct": func() {
			sabir.Method(sabir.NewService("s", "1", ""), "a", func(context.Context, int) (sabir.None, error) { return sabir.None{}, nil })
		},
		"no such type":      func() { sabir.NewTopic[chan int, sabir.None](sabir.NewService("s", "1", ""), "t") },
		"after serving":     func() { s := sabir.NewService("s", "1", ""); s.Describe(); sabir.Method(s, "a", method) },
		"rings of a method": func() { sabir.Method(sabir.NewService("s", "1", ""), "a", method, sabir.Rings(1)) },
		"no rings":          func() { sabir.NewTopic[int, sabir.None](sabir.NewService("s", "1", ""), "t", sabir.Rings(0)) },
		"error nil":         func() { sabir.Method(sabir.NewService("s", "1", ""), "a", method, sabir.Errors(nil)) },
		"no method":         func() { sabir.Method[sabir.None, sabir.None](sabir.NewService("s", "1", ""), "a", nil) },
		"no stream":         func() { sabir.Stream[sabir.None, int](sabir.NewService("s", "1", ""), "a", nil) },
		"readonly topic":    func() { sabir.NewTopic[int, sabir.None](sabir.NewService("s", "1", ""), "t", sabir.Readonly) },
	} {
		t.Run(what, func(t *testing.T) {
			defer func() {
				if p := recover(); p == nil {
					t.Error("declared")
				} else if s, ok := p.(string); !ok || len(s) < 10 {
					t.Errorf("panicked with %v", p)
				}
			}()
			declare()
		})
	}
}

type noCases string

func (noCases) Cases() []string { return nil }

type endless struct {
	sabir.Union
	More *struct{ Of endless }
}

type Torn struct{ Page int }

func (Torn) Error() string { return "torn" }

// What no description can have is found when the service is served, before anybody reads it.
// clause: D1, T6
func TestServedWrong(t *testing.T) {
	for want, declare := range map[string]func(s *sabir.Service){
		"s.a: Torn is there twice": func(s *sabir.Service) {
			sabir.Method(s, "a", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil }, sabir.Errors(Torn{}, Torn{}))
		},
		"s.noCases: enum without cases": func(s *sabir.Service) { sabir.NewState[noCases, sabir.None](s, "a") },
		"s.a params: min=0.5 of int is no integer within ±(2^53-1)": func(s *sabir.Service) {
			sabir.NewState[int, struct {
				N int `min:"0.5"`
			}](s, "a")
		},
		"s.a params: max=-1 of list is below 0": func(s *sabir.Service) {
			sabir.NewState[int, struct {
				N []int `max:"-1"`
			}](s, "a")
		},
		"Endless holds itself": func(s *sabir.Service) { sabir.NewState[endless, sabir.None](s, "a") },
	} {
		t.Run(want, func(t *testing.T) {
			s := sabir.NewService("s", "1", "")
			declare(s)
			defer func() {
				if p := recover(); !strings.Contains(strings.ToLower(fmt.Sprint(p)), strings.ToLower(want)) {
					t.Errorf("panicked with %v", p)
				}
			}()
			sabir.InProcess(s, nil)
		})
	}
}
