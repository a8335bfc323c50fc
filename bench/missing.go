package main

import "os/exec"

// What peers need beside Go: each says what this machine lacks and how to get
// it, or nothing.

func missingCapnp() string {
	if runs("g++", "--version") && runs("capnp", "--version") && runs("pkg-config", "--exists", "capnp-rpc") {
		return ""
	}
	return "Cap'n Proto with its headers, g++ and pkg-config: apt-get install capnproto libcapnp-dev g++ pkg-config"
}

func missingZeroMQ() string {
	if runs("gcc", "--version") && runs("pkg-config", "--exists", "libzmq") {
		return ""
	}
	return "libzmq with its headers, gcc and pkg-config: apt-get install libzmq3-dev gcc pkg-config"
}

func runs(name string, args ...string) bool { return exec.Command(name, args...).Run() == nil }

func missingDBus() string {
	for program, where := range map[string]string{"dbus-daemon": "dbus-daemon", "busctl": "systemd"} {
		if _, err := exec.LookPath(program); err != nil {
			return program + ": apt-get install " + where
		}
	}
	return ""
}

func missingMPD() string {
	if _, err := exec.LookPath("mpd"); err != nil {
		return "mpd: apt-get install mpd"
	}
	return ""
}
