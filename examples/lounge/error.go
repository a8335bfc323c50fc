package lounge

import (
	"fmt"
	"path/filepath"
)

// The errors that members declare. errors.As finds them on either side of a
// connection.
type (
	// NoSuchRoom: nobody is in a room of that name.
	NoSuchRoom struct{ Room string }
	// NotJoined: the room is there, and nobody of that name is in it.
	NotJoined struct{ Room, Name string }
	// NameTaken: somebody of that name is in the room.
	NameTaken struct{ Room, Name string }
	// NoSuchFolder: the path is no folder that the daemon can read, or relative.
	NoSuchFolder struct{ Path string }
	// LabelTaken: another folder is shared under the label.
	LabelTaken struct{ Label string }
	// NoSuchFile: there is no regular file there that the daemon can read.
	NoSuchFile struct{ Label, Path string }
)

func (e NoSuchRoom) Error() string { return fmt.Sprintf("no room %q", e.Room) }
func (e NotJoined) Error() string  { return fmt.Sprintf("%q is not in %q", e.Name, e.Room) }
func (e NameTaken) Error() string  { return fmt.Sprintf("%q is in %q already", e.Name, e.Room) }
func (e LabelTaken) Error() string { return fmt.Sprintf("label %q is taken", e.Label) }
func (e NoSuchFile) Error() string { return fmt.Sprintf("no file %q under %q", e.Path, e.Label) }

func (e NoSuchFolder) Error() string {
	if !filepath.IsAbs(e.Path) {
		return fmt.Sprintf("no folder %q: the path must be absolute", e.Path)
	}
	return fmt.Sprintf("no folder %q", e.Path)
}
