package ssh

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"sync"

	gossh "golang.org/x/crypto/ssh"
)

// identity is what a private key file yields.
type identity struct {
	note    string // for messages: the file, and what is wrong with it
	signers []gossh.Signer
}

// identity reads a key file once per pool.
func (p *Pool) identity(file string, held []gossh.Signer) *identity {
	p.secrets.Lock()
	defer p.secrets.Unlock()
	if id, ok := p.keys[file]; ok {
		return id
	}
	id := &identity{note: file}
	signer, err := p.readKey(file, held)
	if err != nil {
		id.note = fmt.Sprintf("%s (not usable: %v)", file, err)
		p.keys[file] = id
		return id
	}
	if cert := readCertificate(file + "-cert.pub"); cert != nil {
		certified, err := gossh.NewCertSigner(cert, signer)
		if err == nil {
			id.note += " with certificate"
			id.signers = append(id.signers, certified)
		} else {
			id.note += " (certificate not usable: " + err.Error() + ")"
		}
	}
	id.signers = append(id.signers, signer)
	p.keys[file] = id
	return id
}

// readKey reads a private key. The agent signs for an encrypted one, or for
// one of which only the public half is here; else the passphrase is asked for,
// and only when a server wants the key.
func (p *Pool) readKey(file string, held []gossh.Signer) (gossh.Signer, error) {
	content, err := os.ReadFile(file)
	if err != nil {
		if public := readPublic(file + ".pub"); errors.Is(err, fs.ErrNotExist) && public != nil {
			if signer := find(held, public); signer != nil {
				return signer, nil
			}
		}
		return nil, err
	}
	signer, err := gossh.ParsePrivateKey(content)
	var locked *gossh.PassphraseMissingError
	if !errors.As(err, &locked) {
		if public := readPublic(file); err != nil && public != nil {
			if signer := find(held, public); signer != nil {
				return signer, nil
			}
		}
		return signer, err
	}
	public := locked.PublicKey
	if public == nil {
		public = readPublic(file + ".pub")
	}
	if signer := find(held, public); signer != nil {
		return signer, nil
	}
	if p.opts.Prompt == nil {
		return nil, errors.New("it is encrypted; add it to ssh-agent")
	}
	lazy := &lazySigner{public: public, open: func() (gossh.Signer, error) {
		passphrase, err := p.ask(p.ctx, Question{Host: file, Text: "Passphrase of " + file + ": "})
		if err != nil {
			return nil, err
		}
		return gossh.ParsePrivateKeyWithPassphrase(content, passphrase.Bytes())
	}}
	if public == nil {
		return lazy.unlock()
	}
	return lazy, nil
}

func find(held []gossh.Signer, public gossh.PublicKey) gossh.Signer {
	if public == nil {
		return nil
	}
	for _, signer := range held {
		if bytes.Equal(signer.PublicKey().Marshal(), public.Marshal()) {
			return signer
		}
	}
	return nil
}

func readPublic(file string) gossh.PublicKey {
	content, err := os.ReadFile(file)
	if err != nil {
		return nil
	}
	key, _, _, _, err := gossh.ParseAuthorizedKey(content)
	if err != nil {
		return nil
	}
	return key
}

func readCertificate(file string) *gossh.Certificate {
	cert, _ := readPublic(file).(*gossh.Certificate)
	return cert
}

// lazySigner asks for the passphrase at the first signature.
type lazySigner struct {
	public gossh.PublicKey
	open   func() (gossh.Signer, error)

	once   sync.Once
	signer gossh.Signer
	err    error
}

func (s *lazySigner) unlock() (gossh.Signer, error) {
	s.once.Do(func() { s.signer, s.err = s.open() })
	return s.signer, s.err
}

// PublicKey implements ssh.Signer.
func (s *lazySigner) PublicKey() gossh.PublicKey { return s.public }

// Sign implements ssh.Signer.
func (s *lazySigner) Sign(rand io.Reader, data []byte) (*gossh.Signature, error) {
	return s.SignWithAlgorithm(rand, data, "")
}

// SignWithAlgorithm implements ssh.AlgorithmSigner.
func (s *lazySigner) SignWithAlgorithm(rand io.Reader, data []byte, algorithm string) (*gossh.Signature, error) {
	signer, err := s.unlock()
	if err != nil {
		return nil, err
	}
	if with, ok := signer.(gossh.AlgorithmSigner); ok {
		return with.SignWithAlgorithm(rand, data, algorithm)
	}
	return signer.Sign(rand, data)
}
