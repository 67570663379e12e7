// Pictures of worlds that do not exist, for screenshots: drawn by arithmetic, so that they are ours.

import { bitmap } from "./support.mjs";

const clamp = (value, low = 0, high = 1) => Math.min(high, Math.max(low, value));
const mix = (a, b, t) => a.map((value, n) => value + (b[n] - value) * clamp(t));

/** Smooth noise, 0 to 1, of several octaves. */
function noise(x, y, seed, octaves = 6) {
  const corner = (i, j) => {
    const s = Math.sin(i * 127.1 + j * 311.7 + seed * 74.7) * 43758.5453;
    return s - Math.floor(s);
  };
  let [sum, weight, total] = [0, 1, 0];
  for (let octave = 0; octave < octaves; octave += 1) {
    const [i, j] = [Math.floor(x), Math.floor(y)];
    const ease = (t) => t * t * (3 - 2 * t);
    const [u, v] = [ease(x - i), ease(y - j)];
    const top = corner(i, j) * (1 - u) + corner(i + 1, j) * u;
    const bottom = corner(i, j + 1) * (1 - u) + corner(i + 1, j + 1) * u;
    sum += weight * (top * (1 - v) + bottom * v);
    total += weight;
    [x, y, weight] = [x * 2.03, y * 2.03, weight * 0.52];
  }
  return sum / total;
}

function stars(x, y, seed) {
  const s = Math.sin(Math.floor(x * 160) * 12.98 + Math.floor(y * 160) * 78.23 + seed) * 43758.54;
  const chance = s - Math.floor(s);
  const light = chance > 0.994 ? 90 + 165 * ((chance - 0.994) / 0.006) : 4;
  return [light, light, light * 1.05];
}

/** A lit sphere: what its surface is at (longitude, latitude), or nothing beside it. */
function sphere(x, y, cx, cy, radius, surface, sun = [-0.6, -0.45, 0.66]) {
  const [dx, dy] = [(x - cx) / radius, (y - cy) / radius];
  const square = dx * dx + dy * dy;
  if (square > 1) {
    return null;
  }
  const dz = Math.sqrt(1 - square);
  const light = clamp(dx * sun[0] + dy * sun[1] + dz * sun[2]);
  const colour = surface(Math.atan2(dx, dz), Math.asin(dy));
  return colour.map((value) => value * (0.03 + 1.08 * light ** 0.8));
}

const giant = (longitude, latitude) => {
  const swirl = noise(longitude * 3 + 9, latitude * 14, 3) - 0.5;
  const band = Math.sin(latitude * 17 + swirl * 4) * 0.5 + 0.5;
  return mix([255, 214, 158], [176, 104, 62], band);
};

const blue = (longitude, latitude) => {
  const land = noise(longitude * 2.2 + 4, latitude * 2.6 + 7, 11);
  const ground = land > 0.53 ? mix([70, 128, 62], [178, 146, 92], (land - 0.53) * 8) : mix([16, 50, 128], [30, 96, 176], land * 1.6);
  const cloud = noise(longitude * 3.4, latitude * 6 + 2, 23);
  return mix(ground, [250, 250, 250], Math.abs(latitude) > 1.15 ? 1 : (cloud - 0.52) * 5);
};

const moon = (longitude, latitude) => {
  const maria = noise(longitude * 1.8, latitude * 1.8 + 3, 31);
  const rough = noise(longitude * 9, latitude * 9, 37);
  return mix([108, 106, 102], [232, 228, 218], (maria - 0.42) * 3.2 + (rough - 0.5) * 0.9);
};

const scenes = {
  "ringed giant.bmp": (x, y) => {
    const ring = (front) => {
      const [dx, dy] = [(x - 0.75) * 0.94 + (y - 0.5) * 0.34, ((y - 0.5) * 0.94 - (x - 0.75) * 0.34) * 3.6];
      const distance = Math.hypot(dx, dy);
      const isInFront = (y - 0.5) * 0.94 - (x - 0.75) * 0.34 > 0;
      if (isInFront !== front || distance < 0.4 || distance > 0.68 || Math.abs(distance - 0.56) < 0.012) {
        return null;
      }
      return mix([110, 92, 70], [244, 220, 176], 0.5 + 0.5 * Math.sin(distance * 90));
    };
    return ring(true) ?? sphere(x, y, 0.75, 0.5, 0.31, giant) ?? ring(false) ?? stars(x, y, 1);
  },
  "home.bmp": (x, y) => {
    const glow = clamp(1 - (Math.hypot(x - 0.75, y - 0.52) - 0.42) * 18);
    return sphere(x, y, 0.75, 0.52, 0.42, blue) ?? mix(stars(x, y, 5), [70, 130, 220], glow * 0.6);
  },
  "moonrise.bmp": (x, y) => {
    const ridge = 0.72 + 0.16 * (noise(x * 2.4, 3, 41) - 0.5) + 0.05 * (noise(x * 12, 8, 43) - 0.5);
    if (y > ridge) {
      const depth = (y - ridge) * 3;
      return mix([120, 92, 78], [26, 20, 24], depth + (noise(x * 14, y * 30, 47) - 0.5) * 0.7);
    }
    return sphere(x, y, 0.98, 0.33, 0.22, moon) ?? mix([8, 10, 26], [150, 92, 96], (y / ridge) ** 3);
  },
  "spiral.bmp": (x, y) => {
    const [dx, dy] = [x - 0.75, (y - 0.5) * 1.5];
    const [distance, angle] = [Math.hypot(dx, dy), Math.atan2(dy, dx)];
    const arm = Math.cos(2 * angle - 13 * Math.sqrt(distance)) * 0.5 + 0.5;
    const dust = noise(x * 10, y * 10, 53);
    const light = Math.exp(-distance * 5) * (0.25 + arm ** 2 * dust * 2.4) + 1.5 * Math.exp(-distance * 26);
    return mix(stars(x, y, 9), mix([120, 160, 255], [255, 236, 200], Math.exp(-distance * 9)), light * 1.3);
  },
  "dunes.bmp": (x, y) => {
    const sky = mix([226, 178, 132], [140, 96, 84], y * 2);
    if (y < 0.36 + 0.06 * noise(x * 3, 1, 61)) {
      return Math.hypot(x - 1.15, y - 0.2) < 0.06 ? [255, 246, 226] : sky;
    }
    const near = (y - 0.36) * 1.6;
    const slope = noise(x * (5 - near * 2) + 0.3, y * 9, 67, 4) - noise(x * (5 - near * 2) + 0.42, y * 9, 67, 4);
    return mix([92, 44, 30], [238, 158, 96], 0.55 + slope * 7 - near * 0.15);
  },
  "nebula.bmp": (x, y) => {
    const warp = noise(x * 2.5, y * 2.5, 71);
    const gas = noise(x * 3 + warp * 2, y * 3 - warp, 73) ** 2.4 * 3.4;
    const tint = noise(x * 2 + 5, y * 2, 79);
    return mix(stars(x * 0.9, y * 0.9, 3), mix([200, 50, 110], [70, 150, 220], (tint - 0.35) * 3.2), gas);
  },
};

/** Names and files, 720 × 480 pixels each. */
export const worlds = () => Object.entries(scenes).map(([name, at]) => (
  [name, bitmap(720, 480, (x, y) => at(x / 480, y / 480))]
));
