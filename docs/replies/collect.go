package main

import (
	"fmt"
	"io/fs"
	"strings"

	"github.com/smtpace/smtpace/classify"
	"github.com/smtpace/smtpace/profile"
)

// entry is a reply with its verdict.
type entry struct {
	provider string // name of a profile; "" for any server
	reply    *classify.Reply
	verdict  classify.Verdict
}

// first is the reply that most people come with.
const first = "421 Server is not currently available, possibly due to too many connections"

// collect returns the replies that the classifier and the profiles are tested with,
// each once, those of any server before those of providers.
func collect(root fs.FS) ([]entry, error) {
	classifier, err := classify.New(profile.Default().Rules()...)
	if err != nil {
		return nil, err
	}
	c := collector{classifier: classifier, seen: map[string]bool{}}
	if err := c.add("", classify.StageUnknown, first); err != nil {
		return nil, err
	}
	if err := c.addWordings(root); err != nil {
		return nil, err
	}
	if err := c.addUnseen(root); err != nil {
		return nil, err
	}
	return c.entries, c.addProviders()
}

type collector struct {
	classifier *classify.Classifier
	seen       map[string]bool // by provider and reply
	entries    []entry
}

func (c *collector) add(provider string, stage classify.Stage, text string) error {
	reply, err := classify.ParseReply(text)
	if err != nil {
		return fmt.Errorf("reply %q: %w", text, err)
	}
	key := provider + " " + reply.Error()
	if c.seen[key] || reply.Code < 400 {
		return nil
	}
	c.seen[key] = true
	v := c.classifier.Of(classify.Input{Stage: stage, Provider: provider}, reply)
	c.entries = append(c.entries, entry{provider, reply, v})
	return nil
}

// addWordings adds the lines "CLASS LIMIT REPLY" of the classifier's test.
func (c *collector) addWordings(root fs.FS) error {
	text, err := fs.ReadFile(root, "classify/testdata/wordings.txt")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		field := strings.SplitN(strings.TrimSpace(line), " ", 3)
		if strings.HasPrefix(line, "#") || len(field) < 3 {
			continue
		}
		if err := c.add("", classify.StageUnknown, field[2]); err != nil {
			return err
		}
	}
	return nil
}

// addUnseen adds the lines "STAGE CLASS LIMIT REPLY", separated by tabs.
func (c *collector) addUnseen(root fs.FS) error {
	text, err := fs.ReadFile(root, "classify/testdata/unseen.tsv")
	if err != nil {
		return err
	}
	for line := range strings.Lines(string(text)) {
		field := strings.Split(strings.TrimSpace(line), "\t")
		if len(field) < 4 {
			continue
		}
		var stage classify.Stage
		if err := stage.UnmarshalText([]byte(field[0])); err != nil {
			return err
		}
		if err := c.add("", stage, field[3]); err != nil {
			return err
		}
	}
	return nil
}

// addProviders adds the examples of the rules of profiles.
func (c *collector) addProviders() error {
	for p := range profile.Default().Profiles() {
		for _, rule := range p.Rules {
			stage := classify.StageUnknown
			if len(rule.Stages) > 0 {
				stage = rule.Stages[0]
			}
			for _, text := range rule.Matches {
				if err := c.add(p.Name, stage, text); err != nil {
					return err
				}
			}
		}
	}
	return nil
}
