package ssh

import (
	"bytes"
	"context"
	"fmt"

	gossh "golang.org/x/crypto/ssh"

	"provision/provision/secret"
)

// methods are the ways to log in, in the order tried: keys of files with their
// certificates, keys of the agent, passwords.
func (l *login) methods(ctx context.Context) []gossh.AuthMethod {
	l.offered = nil
	var methods []gossh.AuthMethod
	if signers := l.signers(); len(signers) > 0 {
		methods = append(methods, gossh.PublicKeys(signers...))
	}
	if l.target.Password.Empty() && l.pool.opts.Prompt == nil {
		return methods
	}
	sent := false // a refused password is not sent a second time
	methods = append(methods, gossh.PasswordCallback(func() (string, error) {
		sent = true
		word, err := l.password(ctx)
		l.askErr = err
		return word.Reveal(), err
	}))
	return append(methods, gossh.KeyboardInteractive(
		func(_, instruction string, questions []string, echos []bool) ([]string, error) {
			answers := make([]string, len(questions))
			for i, question := range questions {
				given, err := l.answer(ctx, instruction, question, echos[i], &sent)
				if err != nil {
					l.askErr = err
					return nil, err
				}
				answers[i] = given.Reveal()
			}
			return answers, nil
		}))
}

// answer gives the first hidden question the password, and asks the person
// everything else, one-time codes for example.
func (l *login) answer(ctx context.Context, instruction, question string, echo bool, sent *bool) (secret.Value, error) {
	if !echo && !*sent {
		*sent = true
		return l.password(ctx)
	}
	text := question
	if instruction != "" {
		text = instruction + "\n" + question
	}
	return l.pool.ask(ctx, Question{Host: l.target.String(), Text: text, Echo: echo})
}

// password is the target's, or what a person says for this user, asked once
// for all hosts.
func (l *login) password(ctx context.Context) (secret.Value, error) {
	l.offered = append(l.offered, "a password")
	if !l.target.Password.Empty() {
		return l.target.Password, nil
	}
	p := l.pool
	p.secrets.Lock()
	defer p.secrets.Unlock()
	if known, ok := p.passwords[l.target.User]; ok {
		return known, nil
	}
	given, err := p.ask(ctx, Question{
		Host: l.target.String(),
		Text: fmt.Sprintf("Password of %s, for all hosts that want it: ", l.target.User),
	})
	if err == nil {
		p.passwords[l.target.User] = given
	}
	return given, err
}

// signers are the keys to offer, each once.
func (l *login) signers() []gossh.Signer {
	var held []gossh.Signer
	if l.target.UseAgent {
		var err error
		if held, err = l.pool.agentSigners(); err != nil {
			l.offered = append(l.offered, "no agent ("+err.Error()+")")
		}
	}
	var signers []gossh.Signer
	add := func(s gossh.Signer) bool {
		for _, known := range signers {
			if bytes.Equal(known.PublicKey().Marshal(), s.PublicKey().Marshal()) {
				return false
			}
		}
		signers = append(signers, s)
		return true
	}
	for _, file := range l.target.IdentityFiles {
		id := l.pool.identity(file, held)
		l.offered = append(l.offered, id.note)
		for _, s := range id.signers {
			add(s)
		}
	}
	extra := 0
	for _, s := range held {
		if !l.target.IdentitiesOnly && add(s) {
			extra++
		}
	}
	if extra > 0 {
		l.offered = append(l.offered, fmt.Sprintf("%d keys of the agent", extra))
	}
	return signers
}
