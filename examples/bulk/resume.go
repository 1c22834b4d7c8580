package main

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base32"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"strings"

	"github.com/smtpace/smtpace"
)

// campaignID names one mailing to one list: a random part, which all runs of the
// mailing share, and the beginnings of the SHA-256 of the list and of the
// message.
type campaignID string

// newCampaignID returns an identity for a mailing that begins.
func newCampaignID(list, message [sha256.Size]byte) campaignID {
	return campaignID(rand.Text()[:16] + "-" + hex.EncodeToString(list[:8]) + "-" + hex.EncodeToString(message[:8]))
}

// continued returns the identity of a further run, with the list and the message
// that this run has.
func (id campaignID) continued(now campaignID) campaignID {
	before, _, _ := strings.Cut(string(id), "-")
	_, hashes, _ := strings.Cut(string(now), "-")
	return campaignID(before + "-" + hashes)
}

// changed names what is another file than in an earlier run. Nothing is known of
// a report without identities.
func (id campaignID) changed(now campaignID) []string {
	then, current := strings.Split(string(id), "-"), strings.Split(string(now), "-")
	if len(then) != 3 || len(current) != 3 {
		return nil
	}
	var names []string
	for i, name := range []string{1: "the list", 2: "the message"} {
		if i > 0 && then[i] != current[i] {
			names = append(names, name)
		}
	}
	return names
}

// messageID returns the left side of the Message-ID for a recipient. It is the
// same in every run of a mailing, so that a receiver can recognise a second
// copy.
func (id campaignID) messageID(to recipientKey) string {
	random, _, _ := strings.Cut(string(id), "-")
	mac := hmac.New(sha256.New, []byte(random))
	mac.Write(to[:])
	return base32.StdEncoding.EncodeToString(mac.Sum(nil))[:26]
}

// recipientKey stands for an address in sets; it is a part of the SHA-256.
type recipientKey [16]byte

// keyOf returns the key of an address. Addresses that differ only in the case of
// letters have the same: nearly all receivers deliver them to one mailbox.
func keyOf(address string) recipientKey {
	local, domain := address, ""
	if at := strings.LastIndexByte(address, '@'); at >= 0 {
		local, domain = address[:at], address[at+1:]
		if ascii, err := asciiDomain(domain); err == nil {
			domain = ascii
		}
	}
	if inner, ok := strings.CutPrefix(local, `"`); ok {
		if inner, ok = strings.CutSuffix(inner, `"`); ok && badLocalPart(inner) == "" {
			local = inner
		}
	}
	sum := sha256.Sum256([]byte(strings.ToLower(local + "@" + domain)))
	return recipientKey(sum[:])
}

// earlier is the records of the runs before in a report. The zero value is
// nothing.
type earlier struct {
	campaign campaignID // of the last line that has one
	known    map[recipientKey]known
	lines    int
	size     int64   // octets of the whole lines
	cut      *record // what could be read of a last line that was cut off
}

// readEarlier reads a report. A file that is not there is nothing.
func readEarlier(path string) (earlier, error) {
	e := earlier{known: map[recipientKey]known{}}
	file, err := os.Open(path)
	if errors.Is(err, os.ErrNotExist) {
		return e, nil
	}
	if err != nil {
		return e, err
	}
	defer file.Close()
	if info, err := file.Stat(); err != nil || !info.Mode().IsRegular() {
		return e, errors.Join(err, fmt.Errorf("%s is no file that can be read again", path))
	}
	for r, n := bufio.NewReader(file), 1; ; n++ {
		line, err := r.ReadBytes('\n')
		if err == io.EOF {
			e.addCut(line)
			return e, nil
		}
		if err == nil {
			err = e.add(line)
		}
		if err != nil {
			return e, fmt.Errorf("%s:%d: %w", path, n, err)
		}
	}
}

// add takes a whole line.
func (e *earlier) add(line []byte) error {
	e.size += int64(len(line))
	if len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	var r struct {
		record
		Status *smtpace.Status `json:"status"`
	}
	if err := json.Unmarshal(line, &r); err != nil || r.Status == nil {
		return errors.New("this is no line of a report")
	}
	r.record.Status = *r.Status
	e.take(r.record)
	return nil
}

func (e *earlier) take(r record) {
	e.lines++
	key := keyOf(r.Address)
	e.known[key] = known{end: max(e.known[key].end, r.ending())}
	if r.Campaign != "" {
		e.campaign = r.Campaign
	}
}

// cutLine matches what must be left of a line to know whom it is about.
var cutLine = regexp.MustCompile(`^\{"address":("(?:[^"\\]|\\.)*")(?:,"status":("\w+"))?`)

// addCut takes the beginning of a line that was cut off by a crash or a full
// disk. Without a status the recipient may have the mail.
func (e *earlier) addCut(line []byte) {
	m := cutLine.FindSubmatch(line)
	if m == nil {
		return
	}
	r := record{Status: smtpace.Unknown, Text: "the line of the report was cut off", Tries: 1, Campaign: e.campaign}
	if json.Unmarshal(m[1], &r.Address) != nil || len(m[2]) > 0 && json.Unmarshal(m[2], &r.Status) != nil {
		return
	}
	e.take(r)
	e.cut = &r
}
