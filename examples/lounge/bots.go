package lounge

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/idl"
)

const (
	maxBots   = 16 // answers on their way
	botTime   = 10 * time.Second
	botSuffix = "_bot"
)

// bots are plugins: services that others offer to the lounge. What is said as
// "!dice 6" is put to dice_bot.answer, whose text the bot says in the room.
type bots struct {
	exports *sabir.Exports
	log     *slog.Logger
	slots   chan struct{}

	mu     sync.Mutex
	ctx    context.Context
	cancel context.CancelFunc
	all    sync.WaitGroup
}

func (b *bots) open(log *slog.Logger) {
	b.log, b.slots = log, make(chan struct{}, maxBots)
	b.ctx, b.cancel = context.WithCancel(context.Background())
	b.exports = sabir.NewExports(allowBot)
}

// allowBot takes in what admins offer, if it can answer.
func allowBot(c sabir.Caller, s *idl.Service) (func(), error) {
	switch {
	case !c.Level.Allows(sabir.AccessAdmin):
		return nil, sabir.Denied(sabir.AccessAdmin, "bots are brought by admins")
	case !strings.HasSuffix(s.Name, botSuffix) || s.Member("answer") == nil:
		return nil, sabir.Denied(sabir.AccessAdmin, "a bot is called NAME%s and has a method answer(room, name, text) -> (text)", botSuffix)
	}
	return nil, nil
}

func (b *bots) close() {
	b.mu.Lock()
	b.cancel()
	b.mu.Unlock()
	b.all.Wait()
}

// hear passes on what is meant for a bot, and has what it answers said.
func (b *bots) hear(who sabir.Caller, in sayParams, say func(name, text string)) {
	name, text, _ := strings.Cut(strings.TrimPrefix(in.Text, "!"), " ")
	if !strings.HasPrefix(in.Text, "!") || !b.has(name+botSuffix) {
		return
	}
	select {
	case b.slots <- struct{}{}:
	default:
		say(name, "too many questions at once")
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.ctx.Err() != nil {
		<-b.slots
		return
	}
	b.all.Go(func() {
		defer func() { <-b.slots }()
		ctx, cancel := context.WithTimeout(sabir.WithCaller(b.ctx, who), botTime)
		defer cancel()
		out, err := sabir.Do[struct{ Text string }](ctx, b.exports, name+botSuffix+".answer",
			map[string]any{"room": in.Room, "name": in.Name, "text": text})
		if err != nil {
			b.log.Warn("lounge: bot", "name", name, "err", err)
			out.Text = fmt.Sprintf("no answer: %v", err)
		}
		say(name, out.Text)
	})
}

func (b *bots) has(service string) bool {
	for _, s := range b.exports.Describe() {
		if s.Name == service {
			return true
		}
	}
	return false
}
