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
//
// Other programs beside it measure one thing each; each says in its own doc
// how it is run:
//
//	instructions.sh  user instructions a message (needs valgrind)
//	contention.sh    time waited on mutexes a message, at 64 connections
//	locks            mutexes taken a message; the longest hold of each, also
//	                 with a million messages waiting
//	exported         files, lines and exported items of each package
//	cost             the sender and the receiver that the first three run
//
// Allocations a message, of the sender alone, are those of BenchmarkSendAll and
// BenchmarkSubmit in the root.
package main
