package lounge

import (
	"io/fs"
	"math"
	"testing"
	"time"

	"github.com/sabir-ipc/sabir"
)

// oddFile is what some file systems tell of a file.
type oddFile struct {
	fs.FileInfo
	size     int64
	modified time.Time
}

func (f oddFile) Size() int64        { return f.size }
func (f oddFile) ModTime() time.Time { return f.modified }

// Times and sizes that no message can hold are cut instead of ending the search.
func TestOddFilesFit(t *testing.T) {
	for _, at := range []time.Time{{}, time.Unix(0, 0), time.Unix(1<<39, 1), time.Unix(-1<<37, 0), time.Unix(math.MaxInt64, 0), time.Unix(math.MinInt64, 0)} {
		for _, n := range []int64{0, 1 << 53, math.MaxInt64} {
			f := oddFile{size: n, modified: at}
			hit, err := sabir.BodyOf(Hit{Size: size(f), Modified: modified(f)})
			if err == nil {
				_, err = hit.JSON()
			}
			if err != nil {
				t.Errorf("%d bytes of %v: %v", n, at, err)
			}
		}
	}
}
