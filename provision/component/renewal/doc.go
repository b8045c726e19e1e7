// Package renewal is the component that lets hosts renew their certificates by
// themselves: a timer, and a list of what they shall have. It is told of the
// components whose certificates these are, and imports none of them.
package renewal
