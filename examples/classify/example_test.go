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
	//   set       connections:5
	//   because   half of the default, to begin with; the log shows no more
	//   config    Destinations: map[string]throttle.Limits{"example.net": {Connections: 5}}
	//   ask       postmaster@example.net
	//   ask       abuse@example.net
	//   send      Subject: mail from 192.0.2.1 is refused
	//             Our server 192.0.2.1 sends mail to recipients at example.net.
	//             Of 3 answers 0 accepted the mail and 3 refused it:
	//             2 times, from line 1 to line 2, the last time with
	//                 421 4.7.0 mx2.example.net Error: too many connections from 192.0.2.1
	//             Please tell us the reason, or the limits that we should keep to.
	// qq: 1 answer, 1 refused
	//   classes   rate-limited 1
	//   limit     connection-rate, 1 time since line 4, last line 4
	//   reply     550 Connection frequency limited
	//   set       nothing: the log does not show how much was accepted while it refused, and a sender finds it by itself
	//   ask       https://service.mail.qq.com
	//   ask       https://openmail.qq.com/
	//   send      Subject: mail from 192.0.2.1 is refused
	//             Our server 192.0.2.1 sends mail to you, as to qq.com.
	//             Of 1 answer 0 accepted the mail and 1 refused it:
	//             1 time, line 4, the last time with
	//                 550 Connection frequency limited
	//             Please tell us the reason, or the limits that we should keep to.
}
