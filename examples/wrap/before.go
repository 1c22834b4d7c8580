package main

import (
	"log"
	"net/smtp"
)

// before runs the careless loop: twenty goroutines, one smtp.SendMail for each message.
func before(addr string, list []message) {
	inParallel(20, list, func(m message) {
		err := smtp.SendMail(addr, nil, m.from, m.to, m.text)
		if err != nil {
			log.Printf("%v: %v", m.to, err) // "log and go on": the message is lost
		}
	})
}
