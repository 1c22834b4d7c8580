package main

import (
	"fmt"
	"slices"
	"strings"
	"unicode"
)

// emailColumn is the name of the column that the address is taken from.
const emailColumn = "email"

// addressColumns are other names that programs give to the column of addresses,
// without anything but letters.
var addressColumns = []string{
	emailColumn, "emailaddress", "emailadresse", "emailadress", "emailadres", "emailid", "emailvalue",
	"mailaddress", "mailadresse", "adresseemail", "adressemail", "adresseélectronique", "courriel",
	"correoelectrónico", "correoelectronico", "indirizzoemail", "epost", "epostadress", "endereçodeemail", "адресэлектроннойпочты",
}

// columns are the names of the values that each line of the list gives.
type columns struct {
	names []string
	email int // which of them is the address
}

// newColumns reads the header of a CSV list. wanted is the name of the column of
// addresses; "" finds it by its usual names. ok is false when there is none.
func newColumns(header []string, wanted string) (c columns, ok bool, err error) {
	var candidates []int
	for i, name := range header {
		name = strings.TrimFunc(strings.Map(visible, name), unicode.IsSpace)
		if name != "" && slices.Contains(c.names, name) && err == nil {
			err = fmt.Errorf("two columns are called %q", name)
		}
		c.names = append(c.names, name)
		if wanted != "" && foldName(name) == foldName(wanted) || wanted == "" && isAddressColumn(name) {
			candidates = append(candidates, i)
		}
	}
	if exact := c.named(candidates, emailColumn); wanted == "" && len(exact) > 0 {
		candidates = exact
	}
	if len(candidates) == 0 {
		return c, false, nil
	}
	c.email = candidates[0]
	if len(candidates) > 1 {
		err = twoColumns(c.names[candidates[0]], c.names[candidates[1]])
	}
	return c, true, err
}

// twoColumns says that the address is in two columns.
func twoColumns(a, b string) error {
	if strings.EqualFold(a, b) {
		return fmt.Errorf("two columns are called %q", strings.ToLower(a))
	}
	return fmt.Errorf("the address may be in %q or in %q: -column NAME says in which", a, b)
}

// named returns those of the candidates that have a name, in any case of letters.
func (c columns) named(candidates []int, name string) (found []int) {
	for _, i := range candidates {
		if foldName(c.names[i]) == name {
			found = append(found, i)
		}
	}
	return found
}

// isAddressColumn reports whether a column is called as the one of the addresses
// usually is.
func isAddressColumn(name string) bool {
	letters := strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
	return slices.Contains(addressColumns, letters)
}

// find gives the index of a column, in any case of letters; "email" is the
// address, however the header writes it.
func (c columns) find(name string) (int, error) {
	if i := slices.Index(c.names, name); i >= 0 && name != "" {
		return i, nil
	}
	folded := foldName(name)
	if folded == emailColumn {
		return c.email, nil
	}
	found := -1
	for i, known := range c.names {
		if foldName(known) != folded || folded == "" {
			continue
		}
		if found >= 0 {
			return 0, fmt.Errorf("%q may be the column %q or %q", name, c.names[found], known)
		}
		found = i
	}
	if found < 0 {
		return 0, fmt.Errorf("unknown name %q: the list has %s", name, c.shown())
	}
	return found, nil
}

// shown lists the names for a message.
func (c columns) shown() string { return strings.Join(c.names, ", ") }
