// Package examine measures whether hosts are fit: their clocks, what runs on
// them, how fast they write, and who reaches whom. provision/preflight judges.
// Nothing is changed on any host.
package examine
