//go:build !linux

package pulse

type source struct{ ticker }
