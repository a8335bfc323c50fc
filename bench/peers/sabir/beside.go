package main

import (
	"context"
	"errors"
	"log/slog"
	"math/rand/v2"
	"os"
	"os/exec"
	"slices"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
)

// Calls through a hub to one service, alone and beside a thousand calls that
// wait at another service there, for what is never answered or takes a second.

// besideCalls are made by one more caller, on eight connections.
const besideCalls, besideConns, besideRounds = 1000, 8, 4

// timesAlone ends the name of a ratio within a repetition.
const timesAlone = " × alone"

// slowLimits are for that many calls of one caller, at the hub and at the service.
var slowLimits = sabir.Limits{Connections: sabirLimits.Connections, Message: sabirLimits.Message, InFlight: 2 * besideCalls}

// beside takes turns between alone and beside, so that what else is different
// from one second to the next is so for each.
func (m *meter) beside() error {
	c, err := m.p.dial(m.path)
	if err != nil {
		return err
	}
	defer c.Close()
	ways := []*peer{nil, stalled, slow}
	took := make([][]time.Duration, len(ways))
	others := make([]float64, len(ways))
	for range m.few(besideRounds) {
		for i, way := range ways {
			stop := func() {}
			if way != nil {
				if stop, err = startCallers(way, m.path); err != nil {
					return err
				}
			}
			if _, err = calls(c, min(warm, m.time)); err == nil {
				from := m.mark()
				var now []time.Duration
				now, err = calls(c, m.time/besideRounds)
				others[i] = max(others[i], m.since(from).others)
				took[i] = append(took[i], now...)
			}
			stop()
			if err != nil {
				return err
			}
		}
	}
	alone := map[string]float64{}
	for i, way := range ways {
		slices.Sort(took[i])
		for _, p := range []struct {
			name string
			at   int
		}{{"p50 µs", len(took[i]) / 2}, {"p99 µs", len(took[i]) * 99 / 100}} {
			v := float64(took[i][p.at]) / 1e3
			if way == nil {
				alone[p.name] = v
				m.emit(p.name, v, others[i])
				continue
			}
			m.emit(way.name+": "+p.name, v, others[i])
			m.emit(way.name+": "+p.name+timesAlone, v/alone[p.name], others[i])
		}
	}
	return nil
}

// calls makes one call after the other for a time, and returns what each took.
func calls(c client, long time.Duration) (took []time.Duration, err error) {
	in := sample()
	for begun, prev := time.Now(), time.Now(); prev.Sub(begun) < long; {
		if _, err := c.Echo(&in); err != nil {
			return nil, err
		}
		now := time.Now()
		took = append(took, now.Sub(prev))
		prev = now
	}
	return took, nil
}

// startCallers has all calls under way when it returns.
func startCallers(p *peer, path string) (stop func(), err error) {
	exe, err := os.Executable()
	if err != nil {
		return nil, err
	}
	ready := path + "." + p.name
	os.Remove(ready)
	cmd := exec.Command(exe, "-serve", p.name, "-socket", path)
	cmd.Stderr = os.Stderr
	stdin, err := cmd.StdinPipe()
	if err == nil {
		err = cmd.Start()
	}
	if err != nil {
		return nil, err
	}
	stop = func() { stdin.Close(); cmd.Wait() } // it ends with its stdin
	if _, err = awaitFile(ready); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// callers are a process that calls a method a thousand times, and again where it
// is answered; it is ready when so many are in the hands of the service, which
// takes them one by one, and the others wait for that.
func callers(name, method string, inHand int) *peer {
	return &peer{
		name: name, hidden: true, dial: func(string) (client, error) { return nil, errors.ErrUnsupported },
		serve: func(path string) error {
			var failed error
			var once sync.Once
			over := make(chan struct{})
			for range besideConns {
				c, err := sabir.Dial(context.Background(), path, &sabir.DialOptions{Limits: slowLimits, Log: slog.New(slog.DiscardHandler)})
				if err != nil {
					return err
				}
				for range besideCalls / besideConns {
					go func() {
						for {
							if _, err := sabir.Do[sabir.None](context.Background(), c, method, nil); err != nil {
								once.Do(func() { failed = err; close(over) })
								return
							}
						}
					}()
				}
			}
			c, err := sabir.Dial(context.Background(), path, &sabir.DialOptions{Log: slog.New(slog.DiscardHandler)})
			if err != nil {
				return err
			}
			for {
				waiting, err := sabir.Do[struct{ Calls int }](context.Background(), c, "slow.waiting", nil)
				if err != nil {
					return err
				}
				if waiting.Calls >= inHand {
					break
				}
				time.Sleep(5 * time.Millisecond)
			}
			if err := writeWhole(path+"."+name, "ready"); err != nil {
				return err
			}
			<-over
			return failed
		},
	}
}

var stalled, slow = callers("beside stalled", "slow.stall", besideCalls), callers("beside slow", "slow.second", besideCalls/4)

// slowService is the process of the service where they wait.
var slowService = &peer{
	name: "slow-service", hidden: true, dial: func(string) (client, error) { return nil, errors.ErrUnsupported },
	serve: func(path string) error {
		s := sabir.NewService("slow", "1", "Takes its time.")
		var waiting counted
		wait := func(ctx context.Context, d time.Duration) (sabir.None, error) {
			defer waiting.enter()()
			select {
			case <-time.After(d):
				return sabir.None{}, nil
			case <-ctx.Done():
				return sabir.None{}, ctx.Err()
			}
		}
		sabir.Method(s, "stall", func(ctx context.Context, _ sabir.None) (sabir.None, error) { return wait(ctx, time.Hour) })
		sabir.Method(s, "second", func(ctx context.Context, _ sabir.None) (sabir.None, error) {
			return wait(ctx, 500*time.Millisecond+rand.N(time.Second)) // or all were answered at the same time
		})
		sabir.Method(s, "waiting", func(context.Context, sabir.None) (struct{ Calls int }, error) {
			return struct{ Calls int }{waiting.now()}, nil
		})
		return offerTo(path, s)
	},
}

// counted counts those who are inside.
type counted struct {
	mu sync.Mutex
	n  int
}

func (c *counted) enter() (leave func()) {
	c.add(1)
	return func() { c.add(-1) }
}

func (c *counted) add(n int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n += n
}

func (c *counted) now() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}
