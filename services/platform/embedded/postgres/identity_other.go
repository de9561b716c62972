//go:build !linux

package postgres

func namespaced() []identity { return nil }
