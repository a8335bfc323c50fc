//go:build !linux

package pulse

func standIn() source { return source{} }
