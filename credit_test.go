package sabir

import "testing"

// A window is filled when half of it is used, and one that grows holds more of
// small items than of large ones.
//
// clause: S1
func TestCredit(t *testing.T) {
	for _, test := range []struct {
		grows       bool
		size, first int
		after       int // the window then
	}{
		{false, 10, 128, 256},
		{true, 10, 128, 1024},
		{true, 256, 128, 1024},
		{true, 512, 128, 512},
		{true, 1024, 128, 256},
		{true, 1 << 20, 128, 256},
		{true, 0, 128, 1024},
	} {
		c := credit{window: 256, left: 256, grows: test.grows}
		used := 0
		more := 0
		for ; more == 0; used++ {
			more = c.use(test.size)
		}
		if used != test.first || more != test.after-128 || c.left != test.after {
			t.Errorf("%+v: after %d items %d more, %d left", test, used, more, c.left)
		}
		// From small ones to large ones nothing is given until there is less under way than there should be.
		for more, used = 0, 0; more == 0; used++ {
			more = c.use(1 << 20)
		}
		if test.grows && (c.window != 256 || c.left != 256) || used > test.after {
			t.Errorf("%+v: then after %d items %d more, %d left", test, used, more, c.left)
		}
	}
	for _, none := range []int{0, NoWindow} {
		c := credit{window: none, left: none, grows: true}
		for range 2000 {
			if more := c.use(1); more != 0 {
				t.Fatalf("%d more of a window of %d", more, none)
			}
		}
	}
}
