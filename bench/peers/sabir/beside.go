package main

import (
	"context"
	"log/slog"
	"math/rand/v2"
	"os"
	"slices"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/bench/load"
	"github.com/sabir-ipc/sabir/bench/service"
)

// Calls through a hub to one service, alone and beside a thousand callers of
// another service there: whose calls are never answered; take a second, so that
// there are a thousand a second; or are answered at once and made each second, so
// that there are as many, of which none waits.

// besideCalls are made by one more caller, on eight connections.
const besideCalls, besideConns, besideRounds = 1000, 8, 4

// The ways of waiting, which the names of the figures begin with.
const stalled, slow, quick = "beside stalled", "beside slow", "beside quick"

// timesAlone ends the name of a ratio within a repetition.
const timesAlone = " × alone"

// beside takes turns between alone and beside, so that what else is different
// from one second to the next is so for each.
func beside(m *load.Meter) error {
	c, err := m.Peer.Dial(m.Path)
	if err != nil {
		return err
	}
	defer c.Close()
	ways := []string{"", stalled, slow, quick}
	took := make([][]time.Duration, len(ways))
	others := make([]float64, len(ways))
	for range m.Few(besideRounds) {
		for i, way := range ways {
			stop := func() {}
			if way != "" {
				if stop, err = startCallers(way, m.Path); err != nil {
					return err
				}
			}
			if _, err = calls(c, min(load.Warm, m.Time)); err == nil {
				from := m.Mark()
				var now []time.Duration
				now, err = calls(c, m.Time/besideRounds)
				others[i] = max(others[i], m.Since(from).Others)
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
			if way == "" {
				alone[p.name] = v
				m.Emit(p.name, v, others[i])
				continue
			}
			m.Emit(way+": "+p.name, v, others[i])
			m.Emit(way+": "+p.name+timesAlone, v/alone[p.name], others[i])
		}
	}
	return nil
}

// calls makes one call after the other for a time, and returns what each took.
func calls(c load.Client, long time.Duration) (took []time.Duration, err error) {
	in := load.Sample()
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
func startCallers(way, path string) (stop func(), err error) {
	ready := path + "." + way
	os.Remove(ready)
	stop, err = load.StartBeside("sabir", way, path)
	if err != nil {
		return nil, err
	}
	if _, err = load.AwaitFile(ready); err != nil {
		stop()
		return nil, err
	}
	return stop, nil
}

// callers are a process that calls a method a thousand times, and again after a
// pause where it is answered; it is ready when so many are in the hands of the service,
// which takes them one by one, and the others wait for that.
func callers(name, method string, inHand int, pause func()) func(path string) error {
	return func(path string) error {
		var failed error
		var once sync.Once
		over := make(chan struct{})
		for range besideConns {
			c, err := sabir.Dial(context.Background(), path, &sabir.DialOptions{Limits: service.SlowLimits, Log: slog.New(slog.DiscardHandler)})
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
						pause()
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
		if err := load.WriteWhole(path+"."+name, "ready"); err != nil {
			return err
		}
		<-over
		return failed
	}
}

func noPause()      {}
func pauseASecond() { time.Sleep(aSecond()) }

// aSecond is half a second to one and a half: or all would come at the same time.
func aSecond() time.Duration { return 500*time.Millisecond + rand.N(time.Second) }

// serveSlow is the service where they wait.
func serveSlow(path string) error {
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
		return wait(ctx, aSecond())
	})
	sabir.Method(s, "none", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
	sabir.Method(s, "waiting", func(context.Context, sabir.None) (struct{ Calls int }, error) {
		return struct{ Calls int }{waiting.now()}, nil
	})
	return offerTo(path, s)
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
