// Package secret holds what must not be shown: passwords, passphrases, private
// keys, values that an inventory marks sensitive. A Value prints, logs and
// encodes as "(secret)" whatever is done with it; who needs the content asks for
// it by name, and such places are few enough to be read. It imports nothing of
// ours.
package secret
