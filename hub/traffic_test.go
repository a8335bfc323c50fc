package hub_test

import (
	"context"
	"fmt"
	"testing"

	"github.com/sabir-ipc/sabir"
	"github.com/sabir-ipc/sabir/hub"
)

// Services that come and go under ever new names leave no more than so many rows.
func TestTrafficForgets(t *testing.T) {
	dir := run(t, hub.Options{})
	c := dial(t, dir, "hub")
	for i := range 300 {
		name := fmt.Sprintf("s%d", i)
		s := sabir.NewService(name, "1.0", "")
		sabir.Method(s, "nothing", func(context.Context, sabir.None) (sabir.None, error) { return sabir.None{}, nil })
		stop := offer(t, dir, s)
		if _, err := sabir.Do[sabir.None](t.Context(), c, name+".nothing", nil); err != nil {
			t.Fatal(err)
		}
		stop()
	}
	offered(t, dir, "s299", false)
	rows, err := sabir.Do[[]sabir.Row[hub.Traffic]](t.Context(), c, "hub.traffic", nil)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) < 256 || len(rows) > 260 {
		t.Errorf("%d rows", len(rows))
	}
}
