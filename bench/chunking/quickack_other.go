//go:build !linux

package main

import (
	"errors"
	"net"
)

func quickAck(*net.TCPConn) error { return errors.New("-quickack: only Linux has that") }
