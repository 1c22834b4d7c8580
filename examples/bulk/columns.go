package main

import (
	"fmt"
	"math"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"unicode"
)

// emailColumn is the name of the column that the address is taken from.
const emailColumn = "email"

// addressColumns are other names that programs give to the column of addresses,
// without anything but letters.
var addressColumns = []string{
	emailColumn, "emailaddress", "emailadresse", "emailadress", "emailadres", "emailid", "emailvalue", "mail",
	"mailaddress", "mailadresse", "adresseemail", "adressemail", "adresseélectronique", "adressedemessagerie", "courriel",
	"correoelectrónico", "correoelectronico", "direccióndecorreoelectrónico", "indirizzoemail", "indirizzodipostaelettronica",
	"epost", "epostadress", "eposta", "sähköposti", "emailadresa", "adresemail", "endereçodeemail",
	"адресэлектроннойпочты", "электроннаяпочта", "メールアドレス", "电子邮件", "邮箱", "이메일",
}

// owners are the words that programs put before or behind "email": whose address it is,
// or which one.
var owners = []string{
	"primary", "main", "default", "work", "business", "home", "personal", "private",
	"contact", "customer", "client", "user", "subscriber", "recipient", "member", "person", "attendee", "buyer", "billing", "account",
}

// columns are the names of the values that each line of the list gives.
type columns struct {
	names []string
	email int    // index of the address among them
	other string // a further column of addresses, which is not used; "" when there is none
}

// newColumns reads the header of a CSV list. wanted is the name of the column of
// addresses; "" finds it by its usual names. ok is false when there is none.
func newColumns(header []string, wanted string) (c columns, ok bool, err error) {
	for _, name := range header {
		c.names = append(c.names, strings.TrimFunc(strings.Map(visible, name), unicode.IsSpace))
	}
	candidates := c.addresses(wanted)
	if len(candidates) == 0 {
		return c, false, nil
	}
	c.email = candidates[0]
	if first := c.lowest(candidates); len(first) == 1 && len(candidates) > 1 {
		c.email = first[0]
		candidates = slices.DeleteFunc(candidates, func(i int) bool { return i == c.email })
		c.other = c.names[candidates[0]]
	} else if len(candidates) > 1 {
		err = twoColumns(c.names[first[0]], c.names[first[1]])
	}
	return c, true, err
}

// addresses returns the columns that may have the addresses: those with the wanted name,
// or those with the most usual name.
func (c columns) addresses(wanted string) []int {
	if wanted != "" {
		return c.which(func(name string) bool { return foldName(name) == foldName(wanted) })
	}
	for _, usual := range []func(name string) bool{
		func(name string) bool { return foldName(name) == emailColumn },
		func(name string) bool { return slices.Contains(addressColumns, lettersOf(name)) },
		isOwnedAddress,
	} {
		if found := c.which(usual); len(found) > 0 {
			return found
		}
	}
	return nil
}

// which returns the columns whose name is as is wants it.
func (c columns) which(is func(name string) bool) (found []int) {
	for i, name := range c.names {
		if is(name) {
			found = append(found, i)
		}
	}
	return found
}

// lowest returns those of some columns whose names have the lowest number, as of the
// first address in an address book; no number is lower than any.
func (c columns) lowest(found []int) (lowest []int) {
	least := math.MaxInt
	for _, i := range found {
		n := numberIn(c.names[i])
		if n < least {
			least, lowest = n, nil
		}
		if n == least {
			lowest = append(lowest, i)
		}
	}
	return lowest
}

var digits = regexp.MustCompile(`[0-9]{1,9}`)

// numberIn returns the first number in a name; 0 when there is none.
func numberIn(name string) int {
	n, _ := strconv.Atoi(digits.FindString(name))
	return n
}

// twoColumns says that the address is in two columns.
func twoColumns(a, b string) error {
	if strings.EqualFold(a, b) {
		return fmt.Errorf("two columns are called %q", strings.ToLower(a))
	}
	return fmt.Errorf("the address may be in %q or in %q: -column NAME says in which", a, b)
}

// lettersOf returns the letters of a name, in lower case.
func lettersOf(name string) string {
	return strings.Map(func(r rune) rune {
		if unicode.IsLetter(r) {
			return unicode.ToLower(r)
		}
		return -1
	}, name)
}

// isOwnedAddress reports whether a column is called "email" together with a word for the
// owner.
func isOwnedAddress(name string) bool {
	letters := strings.Replace(lettersOf(name), "emailaddress", emailColumn, 1)
	owner, before := strings.CutSuffix(letters, emailColumn)
	if !before {
		owner, _ = strings.CutPrefix(letters, emailColumn)
	}
	return owner != letters && slices.Contains(owners, owner)
}

// find gives the index of a column, in any case of letters; "email" is the
// address, however the header writes it.
func (c columns) find(name string) (int, error) {
	if i := slices.Index(c.names, name); i >= 0 && name != "" {
		if slices.Contains(c.names[i+1:], name) {
			return 0, fmt.Errorf("two columns are called %q", name)
		}
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

// like gives the name for a placeholder of the column that another program calls name:
// with an object in front of it, or without the signs between its words.
func (c columns) like(name string) (column string, ok bool) {
	name = name[strings.LastIndexByte(name, '.')+1:]
	if _, err := c.find(name); err == nil {
		return name, true
	}
	plain := func(s string) string {
		return strings.Map(func(r rune) rune {
			if unicode.IsLetter(r) || unicode.IsDigit(r) {
				return unicode.ToLower(r)
			}
			return -1
		}, s)
	}
	for _, known := range c.names {
		if plain(known) == plain(name) && plain(name) != "" {
			return known, true
		}
	}
	return "", false
}

// shown lists the names for a message.
func (c columns) shown() string { return strings.Join(c.names, ", ") }
