package ssh

import "context"

// Bastion returns the shared connection to the target's last bastion, for who
// wants to dial the target without logging in to it.
func (p *Pool) Bastion(ctx context.Context, t Target) (*Conn, error) {
	return p.Connect(ctx, t.withDefaults().last())
}
