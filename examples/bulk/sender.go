package main

import (
	"errors"
	"fmt"
	"strings"
)

// sender is the envelope sender: one address, or one for each recipient, by
// which bounces can be told apart.
type sender struct{ address phrase }

// newSender reads -from.
func newSender(from string, c columns) (sender, error) {
	if err := (&parser{terms: terms{columns: c}}).lookalikes(from, false); err != nil {
		return sender{}, err
	}
	text, err := parsePhrase(from, c)
	if err != nil {
		return sender{}, err
	}
	at := false
	for i := len(text.slots) - 1; i >= 0; i-- {
		at = at || strings.Contains(text.literals[i+1], "@")
		if at { // in the local part the address of a recipient has an equals sign
			text.slots[i].escape = func(s string) string { return strings.ReplaceAll(s, "@", "=") }
		}
	}
	s := sender{text}
	if s.fixed() {
		return s, checkAddress(s.fill(nil))
	}
	return s, nil
}

// fixed reports whether the sender is the same for all.
func (s sender) fixed() bool { return s.address.fixed() }

// fill gives the address for one recipient.
func (s sender) fill(values []string) string { return s.address.fill(values) }

// check reports why a recipient's values make no address.
func (s sender) check(values []string) error {
	if s.fixed() {
		return nil
	}
	if err := checkAddress(s.fill(values)); err != nil {
		return fmt.Errorf("-from: %w", err)
	}
	return nil
}

// errNoFrom is the mistake of a message without a From when there is none that
// could stand in.
var errNoFrom = errors.New("no From field, and -from is another address for each recipient: the message must say whom it is from")

// domainOf gives the domain of an address in its normal form.
func domainOf(address string) string {
	domain, _ := asciiDomain(address[strings.LastIndexByte(address, '@')+1:])
	return domain
}
