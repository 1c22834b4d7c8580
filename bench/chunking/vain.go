package main

import (
	"fmt"
	"io"
)

// vain writes what is sent for nothing when a receiver that takes 10 messages
// on a connection refuses the next.
func vain(stdout io.Writer) error {
	fmt.Fprintf(stdout, "\nRefused before the sender knows, and bytes sent in vain, when a receiver stops taking mail (round trip %v)\n\n| refused at | message |", lossTrip)
	for _, w := range ways {
		fmt.Fprintf(stdout, " %s |", w.name)
	}
	fmt.Fprintln(stdout, "\n| --- | --- | ---: | ---: | ---: | ---: | ---: |")
	for _, verb := range []string{"MAIL", "RCPT"} {
		for _, l := range letters {
			fmt.Fprintf(stdout, "| %s | %s |", verb, l.name)
			for _, w := range ways {
				refused, bytes, err := refuse(w, verb, l.letter)
				if err != nil {
					return fmt.Errorf("refused at %s, %s, %s: %w", verb, l.name, w.name, err)
				}
				fmt.Fprintf(stdout, " %d, %d B |", refused, bytes)
			}
			fmt.Fprintln(stdout)
		}
	}
	return nil
}

// refuse sends until mail is refused and all replies are heard. It returns the
// number of refused transactions, and the bytes written beside those of the
// stored messages.
func refuse(w way, verb string, l *letter) (refused, bytes int, err error) {
	const messages = 10
	r, err := newReceiver(policy{refuses: verb, messages: messages})
	if err != nil {
		return 0, 0, err
	}
	defer r.close()
	p, err := newProxy(r.addr(), lossTrip/2, false)
	if err != nil {
		return 0, 0, err
	}
	defer p.close()
	s, err := dial(p.addr(), l, false)
	if err != nil {
		return 0, 0, err
	}
	defer s.conn.Close()
	if err := s.run(w, func() bool { return true }); err != nil {
		return 0, 0, err
	}
	if s.stored != messages {
		return 0, 0, fmt.Errorf("%d messages were stored, want %d", s.stored, messages)
	}
	each := len(l.both)
	switch w.unanswered {
	case 0:
	case 1:
		each = len(l.chunk)
	default:
		each = len(l.reset)
	}
	return s.refused, s.bytes - messages*each, nil
}
