//! A packed vector in pages: it grows without copying and shrinks page by page.

/// Rows of a page: 10 KiB of torrents.
const ROWS: usize = 256;

#[derive(Debug)]
pub(crate) struct Pages<T> {
    pages: Vec<Vec<T>>,
    rows: usize,
}

impl<T> Default for Pages<T> {
    fn default() -> Pages<T> {
        Pages {
            pages: Vec::new(),
            rows: 0,
        }
    }
}

impl<T> Pages<T> {
    pub(crate) fn len(&self) -> usize {
        self.rows
    }

    pub(crate) fn get(&self, row: usize) -> &T {
        &self.pages[row / ROWS][row % ROWS]
    }

    pub(crate) fn get_mut(&mut self, row: usize) -> &mut T {
        &mut self.pages[row / ROWS][row % ROWS]
    }

    /// The row of a number that may be none.
    pub(crate) fn find(&self, row: usize) -> Option<&T> {
        self.pages.get(row / ROWS)?.get(row % ROWS)
    }

    pub(crate) fn find_mut(&mut self, row: usize) -> Option<&mut T> {
        self.pages.get_mut(row / ROWS)?.get_mut(row % ROWS)
    }

    /// Adds a row at the end; returns its place.
    pub(crate) fn push(&mut self, value: T) -> usize {
        if self.rows / ROWS == self.pages.len() {
            self.pages.push(Vec::with_capacity(ROWS));
        }
        self.pages[self.rows / ROWS].push(value);
        self.rows += 1;
        self.rows - 1
    }

    /// Removes a row; the last one takes its place.
    pub(crate) fn swap_remove(&mut self, row: usize) {
        let last = self.rows - 1;
        if let Some(value) = self.pages[last / ROWS].pop()
            && row != last
        {
            *self.get_mut(row) = value;
        }
        self.rows = last;
        // One empty page is kept, or a torrent that comes and goes would allocate each time.
        self.pages.truncate(last / ROWS + 2);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stays_packed_and_gives_pages_back() {
        let mut pages = Pages::default();
        for value in 0..10 * ROWS {
            assert_eq!(pages.push(value), value);
        }
        pages.swap_remove(3);
        assert_eq!(*pages.get(3), 10 * ROWS - 1);
        while pages.len() > 2 {
            pages.swap_remove(0);
        }
        assert!(pages.pages.len() <= 2);
        assert_eq!(pages.push(7), 2);
        assert_eq!(*pages.get(2), 7);
    }
}
