// Bench measures how many messages per second smtpace and other Go mailers
// hand to one receiver over four connections, and prints one table. The README
// shows it as two, one for each round-trip time.
//
// The receiver is a process of its own, this program run again. It answers at
// once, keeps nothing and counts what it was given, so that the senders are
// measured and not the receiver. A delaying proxy in the receiver's process
// makes round trips that are longer than those of the loopback. Every row sends
// messages of the same size to the byte, and every figure is checked against
// the receiver's count.
//
//	go run . [-quick] [-rtt 0,20ms] [-only regexp] [-n messages] [-rounds 3] [-cpuprofile dir]
//
// The other programs beside it measure one thing each. Each says in its own doc
// or first lines how it is run; all but the scripts are run from this directory.
//
//	instructions.sh  user instructions per message (needs valgrind)
//	contention.sh    time waited for mutexes per message, at 64 connections
//	locks            mutexes taken per message, and the longest hold of each,
//	                 also with a million messages waiting
//	exported         files, lines and exported items of each package
//	pace             picture of accepted and refused messages per second
//	chunking         gains and costs of BDAT (RFC 3030)
//	cost             the sender and receiver that instructions.sh,
//	                 contention.sh and locks run
//
// BenchmarkSendAll and BenchmarkSubmit in the root print the allocations per
// message, those of the sender alone.
package main
