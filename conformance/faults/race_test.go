//go:build race

package faults_test

// raced: with the detector a handshake takes several times as long.
const raced = true
