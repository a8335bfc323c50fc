package load

import (
	"bytes"
	"fmt"
	"os/exec"
	"slices"
	"time"
)

// cli runs a call from the shell again and again, each a whole process.
func (m *Meter) cli() error {
	args, err := m.Peer.Command(m.Path)
	if err != nil {
		return err
	}
	call := func() error {
		out, err := exec.Command(args[0], args[1:]...).CombinedOutput()
		if err != nil {
			return fmt.Errorf("%s: %w: %s", args[0], err, bytes.TrimSpace(out))
		}
		if !bytes.Contains(out, []byte(Sample().URI)) {
			return fmt.Errorf("%s: %w: %s", args[0], ErrEcho, bytes.TrimSpace(out))
		}
		return nil
	}
	if err := call(); err != nil {
		return err
	}
	var took []float64
	from := m.Mark()
	for prev := from.At; prev.Sub(from.At) < m.Time; {
		if err := call(); err != nil {
			return err
		}
		now := time.Now()
		took = append(took, now.Sub(prev).Seconds()*1e3)
		prev = now
	}
	u := m.Since(from)
	slices.Sort(took)
	m.Emit("p50 ms", took[len(took)/2], u.Others)
	m.Emit("p99 ms", took[len(took)*99/100], u.Others)
	return nil
}
