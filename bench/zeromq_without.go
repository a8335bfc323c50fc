//go:build !zmq

package main

func zeromqServe(string) error          { return errWithoutZeroMQ }
func zeromqDial(string) (client, error) { return nil, errWithoutZeroMQ }
