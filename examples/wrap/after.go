package main

import (
	"log"

	"github.com/smtpace/smtpace"
)

// after runs the same loop with a Pacer around it, which is told nothing of the server.
func after(addr string, list []message) {
	pacer, err := smtpace.NewPacer(smtpace.PacerConfig{})
	if err != nil {
		log.Fatal(err)
	}
	defer pacer.Close()
	inParallel(20, list, func(m message) {
		err := pacer.SendMail(addr, nil, m.from, m.to, m.text)
		if err != nil {
			log.Printf("%v: %v", m.to, err)
		}
	})
}
