// The package's random numbers: numpy's SeedSequence seeds torch's generator on the CPU.
//
// A seed gives the same data, weights and orders in the page as in Python.

export const STREAMS = { data: 0, weights: 1, order: 2, head: 3 };

export class Generator {
  constructor(seed) {
    const state = (this.state = new Uint32Array(624));
    state[0] = seed;
    for (let i = 1; i < 624; i++) {
      state[i] = Math.imul(1812433253, state[i - 1] ^ (state[i - 1] >>> 30)) + i;
    }
    this.next = 624;
  }

  // The generator of one stream of a seed (anode.seeding).
  static of(seed, stream) {
    const [low, high] = seedSequence([seed, STREAMS[stream], 0]);
    return new Generator(((low >>> 1) | (high << 31)) >>> 0); // torch seeds with the low half
  }

  // 32 random bits: the Mersenne twister.
  bits() {
    const { state } = this;
    if (this.next === 624) {
      for (let i = 0; i < 624; i++) {
        const y = (state[i] & 0x80000000) | (state[(i + 1) % 624] & 0x7fffffff);
        state[i] = state[(i + 397) % 624] ^ (y >>> 1) ^ (y & 1 ? 0x9908b0df : 0);
      }
      this.next = 0;
    }
    let y = state[this.next++];
    y ^= y >>> 11;
    y ^= (y << 7) & 0x9d2c5680;
    y ^= (y << 15) & 0xefc60000;
    return (y ^ (y >>> 18)) >>> 0;
  }

  // Numbers of [low, high), in single precision.
  uniform(count, low = 0, high = 1) {
    const [from, to] = [Math.fround(low), Math.fround(high)];
    const width = Math.fround(to - from);
    return Float64Array.from({ length: count }, () => {
      const x = (this.bits() & 0xffffff) / 2 ** 24;
      return Math.fround(x * width + from);
    });
  }

  // Normal numbers, of which torch makes 16 at once.
  normal(count) {
    if (count < 16) throw new RangeError(`count must be 16 or more, got ${count}`);
    const found = this.uniform(count);
    const turn = (at) => {
      for (let i = at; i < at + 8; i++) {
        const radius = Math.sqrt(Math.fround(-2 * Math.log(1 - found[i])));
        const angle = Math.fround(Math.fround(2 * Math.PI) * found[i + 8]);
        found[i] = Math.fround(radius * Math.cos(angle));
        found[i + 8] = Math.fround(radius * Math.sin(angle));
      }
    };
    for (let at = 0; at + 16 <= count; at += 16) turn(at);
    if (count % 16) {
      found.set(this.uniform(16), count - 16);
      turn(count - 16);
    }
    return found;
  }

  // The numbers below `count` in a random order.
  permutation(count) {
    const found = Uint32Array.from({ length: count }, (_, i) => i);
    for (let i = 0; i < count - 1; i++) {
      const other = i + (this.bits() % (count - i));
      [found[i], found[other]] = [found[other], found[i]];
    }
    return found;
  }
}

// Two words of numpy's SeedSequence for small integers.
function seedSequence(entropy) {
  const xorshift = (value) => (value ^ (value >>> 16)) >>> 0;
  let hash = 0x43b0d7e5;
  const hashed = (value) => {
    const mixed = value ^ hash;
    hash = Math.imul(hash, 0x931e8875);
    return xorshift(Math.imul(mixed, hash));
  };
  const pool = [0, 1, 2, 3].map((i) => hashed(entropy[i] ?? 0));
  for (let from = 0; from < 4; from++) {
    for (let to = 0; to < 4; to++) {
      if (from === to) continue;
      const other = hashed(pool[from]);
      pool[to] = xorshift(Math.imul(0xca01f9dd, pool[to]) - Math.imul(0x4973f715, other));
    }
  }
  let last = 0x8b51f9dd;
  return [0, 1].map((i) => {
    const mixed = pool[i] ^ last;
    last = Math.imul(last, 0x58f38ded);
    return xorshift(Math.imul(mixed, last));
  });
}
