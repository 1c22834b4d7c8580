package main

import (
	"os"
	"strings"
)

// Four refusals, as a program of one's own may have noted them.
func Example() {
	replies := strings.NewReader("421 4.7.0 mx1.example.net Error: too many connections from 192.0.2.1\tbanner\texample.net\n" +
		"421 4.7.0 mx2.example.net Error: too many connections from 192.0.2.1\tbanner\texample.net\n" +
		"550 5.1.1 <gone@example.net>: no such user\tRCPT\texample.net\n" +
		"550 Connection frequency limited\tbanner\tqq.com\n")
	run(nil, replies, os.Stdout, os.Stderr)
	// Output:
	// example.net: 3 answers, 3 refused
	//   classes   too-many-connections 2, bad-mailbox 1
	//   limit     connections, 2 times since line 1, last line 2
	//   reply     421 4.7.0 mx2.example.net Error: too many connections from 192.0.2.1
	//   set       connections:5 (half of the default, to begin with; the log shows no more)
	// qq: 1 answer, 1 refused
	//   classes   rate-limited 1
	//   limit     connection-rate, 1 time since line 4, last line 4
	//   reply     550 Connection frequency limited
	//   set       nothing: the log does not show how much was accepted while it refused, and a sender finds it by itself
	//   ask       https://service.mail.qq.com
	//   ask       https://openmail.qq.com/
}
