package sabir

import (
	"fmt"
	"reflect"

	"github.com/sabir-ipc/sabir/codec"
)

// pointerTo returns a pointer to the value x, which is x itself if it is one,
// and the codec of its type.
func pointerTo(x any) (ptr any, c *codec.Codec, err error) {
	v := reflect.ValueOf(x)
	if v.Kind() == reflect.Pointer {
		if v.IsNil() {
			return nil, nil, fmt.Errorf("sabir: a nil %v is no value; for none there is nil alone", v.Type())
		}
		c, err = codec.Of(v.Type().Elem())
		return x, c, err
	}
	p := reflect.New(v.Type())
	p.Elem().Set(v)
	c, err = codec.Of(v.Type())
	return p.Interface(), c, err
}
