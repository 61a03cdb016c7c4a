//! Made-up messages with the length mix of real traffic, the same in every run.

/// Clauses of about eight tokens each.
const CLAUSES: [&str; 15] = [
    "seit Montag geht bei uns das Internet nicht",
    "wann kommt denn endlich der Techniker?",
    "die Rechnung stimmt schon wieder nicht!",
    "vielen Dank für die schnelle Hilfe",
    "nobody has answered my e-mail since Tuesday",
    "the parcel was left in the rain again!!",
    "how can I change the address of my account?",
    "je n'ai toujours pas reçu mon remboursement",
    "le conseiller a été très aimable",
    "votre application plante à chaque ouverture",
    "od tygodnia czekam na odpowiedź 😡",
    "paczka dotarła szybko i w całości",
    "деньги списали дважды, верните их",
    "спасибо, теперь всё работает",
    "третий день нет связи, позор!",
];

/// `count` messages whose lengths are spread log-normally: about 31 tokens on average, 4 to 128.
pub fn messages(count: usize) -> Vec<String> {
    let mut random = Random(2026);
    (0..count)
        .map(|_| {
            // exp(N(3.2, 0.7²)) has mean 31.
            let words = (3.2 + 0.7 * random.normal()).exp().clamp(4.0, 128.0) * 0.75;
            text_of(words as usize, &mut random)
        })
        .collect()
}

/// `count` posts of about 512 tokens.
pub fn long_posts(count: usize) -> Vec<String> {
    let mut random = Random(7);
    (0..count).map(|_| text_of(364, &mut random)).collect()
}

fn text_of(words: usize, random: &mut Random) -> String {
    let mut text = Vec::new();
    while text.len() < words.max(1) {
        text.extend(CLAUSES[random.next() as usize % CLAUSES.len()].split(' '));
    }
    text.truncate(words.max(1));
    text.join(" ")
}

/// Marsaglia's xorshift64.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 >> 11
    }

    /// Uniform in (0, 1).
    fn uniform(&mut self) -> f64 {
        (self.next() as f64 + 0.5) / (1u64 << 53) as f64
    }

    /// Standard normal, by Box and Muller's transform.
    fn normal(&mut self) -> f64 {
        (-2.0 * self.uniform().ln()).sqrt() * (std::f64::consts::TAU * self.uniform()).cos()
    }
}
