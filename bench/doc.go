// Bench measures how many messages per second smtpace and other Go mailers
// hand to one receiver over four connections, and prints the table of the
// README.
//
// The receiver is a process of its own, this program run again: it answers at
// once, keeps nothing and counts what it was given, so that the senders are
// what is measured. Round trips longer than those of the loopback are made by
// a delaying proxy in the receiver's process. Every row sends messages of the
// same size to the byte, and every figure is checked against the receiver's
// count.
//
//	go run . [-quick] [-rtt 0,20ms] [-only regexp] [-n messages] [-rounds 3] [-cpuprofile dir]
package main
