package hub

import (
	"fmt"
	"io"
	"io/fs"
	"os"
	"syscall"
)

// readOwned reads a file that says what to run, or who may call it.
func readOwned(path string) ([]byte, error) {
	file, err := os.Open(path)
	if err != nil {
		return nil, err
	}
	defer file.Close()
	info, err := file.Stat()
	if err == nil {
		err = owned(path, info)
	}
	if err != nil {
		return nil, err
	}
	return io.ReadAll(file)
}

// owned refuses what somebody else could have written: he would run as the user
// of the hub whatever he likes. A group counts for root alone, since many users
// have one of their own that may write all that is theirs.
func owned(path string, info fs.FileInfo) error {
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !ok {
		return nil
	}
	us, mode := os.Getuid(), info.Mode()
	switch {
	case stat.Uid != 0 && int(stat.Uid) != us:
		return fmt.Errorf("%s: belongs to uid %d, who could run as uid %d what he likes; chown it", path, stat.Uid, us)
	case mode&0o002 != 0, mode&0o020 != 0 && us == 0 && stat.Gid != 0:
		return fmt.Errorf("%s: can be written by others (mode %04o), who could run as uid %d what they like; chmod go-w", path, mode.Perm(), us)
	}
	return nil
}
